"""`firestore.indexes.json`: every field that a query uses is indexed, and nothing else is."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from gemchain.records import Batch, Chain, Part, Progress, Prompt
from gemchain.records.states import BatchState, ChainState, PromptState
from gemchain.stores.firestore.client.query import NAME, Query
from gemchain.stores.firestore.documents.documents import INDEXED, SPILLABLE

P = PromptState
PATH = Path(__file__).parents[2] / "firestore.indexes.json"
RECORDS = {"prompts": (Prompt, Progress), "chains": (Chain,), "batches": (Batch,), "parts": (Part,)}
TTL = ("prompts", "chains")


def override(kind, field, *orders, ttl=None):
    entry = {"collectionGroup": f"gemchain_{kind}", "fieldPath": field}
    entry |= {} if ttl is None else {"ttl": ttl}
    return entry | {"indexes": [{"order": order, "queryScope": "COLLECTION"} for order in orders]}


def expected():
    """Everything is exempted at once, but for what is used; long texts and times by name as well."""
    found = []
    for kind, indexed in INDEXED.items():
        found.append(override(kind, "*"))
        for field in indexed:
            orders = ("ASCENDING", "DESCENDING") if field == "shelf" else ("ASCENDING",)
            found.append(override(kind, field, *orders))
        names = {each.name for record in RECORDS.get(kind, ()) for each in fields(record)}
        texts = (set(SPILLABLE) & names) | ({"request"} if kind == "prompts" else set())
        times = {name for name in names if name.endswith("_at")}
        found += [override(kind, field) for field in sorted(texts | times)]
        found += [override(kind, "expire_at", ttl=True)] if kind in TTL else []
    return {"indexes": [], "fieldOverrides": found}


def test_the_file_at_the_root_says_what_the_code_uses():
    wanted = expected()
    assert json.loads(PATH.read_text(encoding="utf-8")) == wanted, (
        f"write this to {PATH.name}:\n{json.dumps(wanted, indent=2)}"
    )


def test_there_are_fewer_overrides_than_a_database_takes():
    assert len(expected()["fieldOverrides"]) <= 200  # https://docs.cloud.google.com/firestore/quotas


@pytest.fixture
def used(monkeypatch):
    """The fields by which each collection is searched or sorted, one set for each query."""
    seen = []
    build = Query.message

    def message(self, collection):
        paths = {path for path, _, _ in self.where} | {self.order} - {""}
        seen.append((collection.removeprefix("gemchain_"), paths - {NAME}))
        return build(self, collection)

    monkeypatch.setattr(Query, "message", message)
    return seen


def test_every_query_of_every_call_uses_one_indexed_field(on_firestore, used):
    given, store = on_firestore, on_firestore.store
    given.claimed("p1", "p2", deadline_at=given.clock.now(), priority=3)
    given.move(given.read("p1")[0], P.ANSWERED, unsettled=True)
    given.queue("p3", priority=-3)
    given.arrived(given.plan("b2"), 1)
    for call in (
        lambda: store.claim(given.plan("b3"), limit=5, max_bytes=1_000),
        lambda: list(store.chain_prompts("c-p1")),
        lambda: list(store.chain_prompts("j1")),
        lambda: store.has_open("c-p1"),
        lambda: store.has_open("j1"),
        lambda: store.list_chains(state=ChainState.RUNNING, after="c"),
        store.list_chains,
        lambda: store.list_chains(owner="mine"),
        lambda: store.owned_by({"mine"}).due_answers(limit=1),
        lambda: store.owned_by({"mine"}).next_answer_at(),
        lambda: store.owned_by({"mine"}).unsettled_chains(limit=1),
        store.runs,
        store.owners,
        lambda: store.list_prompts(state=P.ANSWERED),
        lambda: store.find_ids("p"),
        lambda: store.find_key("k"),
        store.counters,
        store.queues,
        lambda: list(store.input_rows("b1")),
        lambda: list(store.members("b1", state=P.ANSWERED)),
        store.open_batches,
        store.list_batches,
        lambda: store.list_batches(state=BatchState.PLANNED),
        store.open_parts,
        lambda: store.open_parts("b2"),
        lambda: store.batch_parts("b2"),
        lambda: store.due_answers(limit=1),
        store.next_answer_at,
        lambda: store.overdue(limit=1),
        lambda: store.ended_waits(limit=1),
        lambda: store.unsettled_chains(limit=1),
        lambda: store.settle(given.read("p1")),
        lambda: list(store.forget_chains(given.clock.now())),
        lambda: list(store.unused_batches(given.clock.now())),
    ):
        call()
    assert all(len(paths) <= 1 for _, paths in used)
    asked = {(kind, path) for kind, paths in used for path in paths}
    assert asked == {(kind, path) for kind, paths in INDEXED.items() for path in paths}
