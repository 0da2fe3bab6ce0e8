"""Removal on Firestore: long texts go with their records, and a call that fails leaves nothing unfindable."""

from dataclasses import replace

import grpc
import pytest

from gemchain.errors import StoreUnavailableError
from gemchain.records import ChainMove, Forgotten
from gemchain.records.arguments import fingerprint
from gemchain.records.states import ChainState, PromptState
from gemchain.stores.firestore import retention
from gemchain.stores.firestore.client.messages import Write
from gemchain.stores.firestore.client.values import fill
from tests.contracts.store_retention import ended, forget
from tests.contracts.store_samples import APPLIED

P, C = PromptState, ChainState
Code = grpc.StatusCode
LONG = "x" * 400_000
ARGUMENTS = f'{{"args":["{LONG}"],"params":{{}}}}'


@pytest.fixture
def given(on_firestore, monkeypatch):
    monkeypatch.setattr(retention, "GROUP", 2)
    return on_firestore


@pytest.fixture
def texts(given, tmp_path):
    """The long texts that lie outside of documents."""
    folder = tmp_path / "files" / "spill"
    return lambda: [each for each in folder.rglob("*") if each.is_file()]


def long_chain(given, key=None):
    """Five prompts with long parameters, under a chain with long arguments and a long result."""
    chain_fields = {"key": key, "args": ARGUMENTS, "result": LONG, "state": C.DONE}
    chain_fields["ended_at"] = given.clock.now()
    unit = given.start_unit("c1", *(f"p{n}" for n in range(5)), params=LONG, chain_fields=chain_fields)
    drafts = tuple(
        each._replace(prompt=replace(each.prompt, progress=replace(each.prompt.progress, state=P.DONE)))
        for each in unit.drafts
    )
    assert given.store.commit([replace(unit, drafts=drafts)]) == [APPLIED]
    given.clock.advance(1)


def test_long_texts_go_with_their_records(given, texts):
    long_chain(given)
    assert len(texts()) == 7
    assert forget(given) == Forgotten(chains=1, prompts=5)
    assert texts() == []


def test_a_key_keeps_its_long_result_and_loses_the_rest(given, texts):
    long_chain(given, key="k")
    assert forget(given) == Forgotten(kept_keys=1, prompts=5)
    assert len(texts()) == 1
    chain = given.store.chains(["c1"])["c1"]
    assert chain.result == LONG
    assert len(chain.args) < 100
    assert fingerprint("c1", chain.args) == fingerprint("c1", ARGUMENTS)
    assert forget(given) == Forgotten()
    assert forget(given, keys=True) == Forgotten(chains=1)
    assert texts() == []


@pytest.mark.parametrize("key", [None, "k"])
def test_a_removal_that_dies_at_any_write_is_finished_by_the_next(given, texts, monkeypatch, key):
    """Commits and deletions of texts, counted together; each time one more is let through."""
    kept = len(["result"]) if key else 0
    for allowed in range(30):
        if not given.store.chains(["c1"]):
            long_chain(given, key)
        left = [allowed]

        def dying(call, left=left):
            def once(*args):
                if not left[0]:
                    raise StoreUnavailableError("dead")
                left[0] -= 1
                return call(*args)

            return once

        with monkeypatch.context() as patch:
            store = given.store
            patch.setattr(store._connection, "commit", dying(store._connection.commit))
            patch.setattr(store._spill, "remove", dying(store._spill.remove))
            try:
                forget(given)
            except StoreUnavailableError:
                died = True
            else:
                died = False
        forget(given)
        assert len(texts()) == kept
        assert list(given.store.chain_prompts("c1")) == []
        assert bool(given.store.chains(["c1"])) is bool(key)
        for chain in given.store.chains(["c1"]).values():
            assert fingerprint("c1", chain.args) == fingerprint("c1", ARGUMENTS)
        forget(given, keys=True)
        assert given.store.find_ids("") == []
        if not died:
            break
    assert allowed > 5


def test_a_chain_that_is_sent_back_to_work_between_look_and_removal_stays_whole(given, monkeypatch):
    ended(given, "c1", C.FAILED, state=P.FAILED)
    ended(given, "c2")
    ended(given, "c3")
    given.clock.advance(1)
    may_go = given.store._may_go

    def retried_meanwhile(chain):
        may = may_go(chain)
        if chain.id == "c1":
            (failed,) = given.read("c1-2")
            unit = given.unit(failed, P.QUEUED)
            unit = replace(unit, ending=ChainMove("c1", C.FAILED, C.RUNNING))
            assert given.store.commit([unit]) == [APPLIED]
        return may

    monkeypatch.setattr(given.store, "_may_go", retried_meanwhile)
    monkeypatch.setattr(retention, "GROUP", 1_000)
    assert forget(given) == Forgotten(chains=2, prompts=4)
    assert [each.progress.state for each in given.read("c1-1", "c1-2")] == [P.DONE, P.QUEUED]
    assert given.store.chains(["c1", "c2", "c3"]).keys() == {"c1"}


def test_a_chain_of_which_prompts_have_still_to_be_created_stays(given, monkeypatch):
    ended(given, "c1", C.CANCELLED, state=P.CANCELLED)
    given.clock.advance(1)
    monkeypatch.setattr(given.store._overflow, "scopes", lambda: {"c1"})
    assert forget(given) == Forgotten()
    monkeypatch.undo()
    assert forget(given) == Forgotten(chains=1, prompts=2)


NONSENSE = [None, True, -1, 0.5, "spill/../x", ["x", 3], {"request": 3, "args": ["x"]}]


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
@pytest.mark.parametrize("kind", ["chains", "prompts"])
def test_fields_that_anybody_may_have_written_stop_no_removal(given, kind, value):
    ended(given, "c1")
    ended(given, "c2")
    given.clock.advance(1)
    for field in ("ended_at", "spilled", "leftover", "batch_id", "key", "pruned"):
        write = Write()
        connection = given.store._connection
        write.update.name = connection.name(kind, "c1" if kind == "chains" else "c1-1")
        fill(write.update.fields, {field: value})
        write.update_mask.field_paths.append(field)
        connection.commit([write])
    forget(given)
    forget(given, keys=True)
    assert given.store.chains(["c2"]) == given.store.prompts(["c2-1", "c2-2"]) == {}


def test_a_reply_that_is_lost_does_not_stop_the_removal(given, faults):
    for number in range(3):
        ended(given, f"c{number}")
    given.clock.advance(1)
    faults.fail("Commit", Code.UNAVAILABLE, applied=True)
    forget(given)
    forget(given)
    assert given.store.find_ids("c") == []
