"""Whatever Firestore refuses becomes a `StoreError` that says which and what to do."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from gemchain.blobs.local import LocalBlobs
from gemchain.emulators.firestore import FirestoreEmulator
from gemchain.errors import (
    ConfigurationError,
    StoreFullError,
    StoreRefusedError,
    StoreUnavailableError,
)
from gemchain.records import Move, Unit
from gemchain.records.states import PromptState
from gemchain.stores.firestore import FirestoreStore
from gemchain.stores.firestore.commits import commit
from tests import firestore_state
from tests.contracts.store_samples import APPLIED, Samples, chain, draft, prompt

Code = grpc.StatusCode
DISABLED = "Cloud Firestore API has not been used in project p before or it is disabled."
CASES = [
    (Code.UNAVAILABLE, "failed to connect", StoreUnavailableError, "cannot be reached.*network"),
    (Code.DEADLINE_EXCEEDED, "too slow", StoreUnavailableError, "cannot be reached"),
    (Code.RESOURCE_EXHAUSTED, "Quota exceeded.", StoreUnavailableError, "quota exhausted.*billing"),
    (Code.ABORTED, "Too much contention", StoreUnavailableError, "contention.*try again"),
    (
        Code.PERMISSION_DENIED,
        "Missing or insufficient",
        StoreRefusedError,
        "permission.*roles/datastore.user",
    ),
    (Code.PERMISSION_DENIED, DISABLED, StoreRefusedError, "gcloud services enable firestore.googleapis.com"),
    (Code.UNAUTHENTICATED, "no token", StoreRefusedError, "gcloud auth application-default login"),
    (
        Code.NOT_FOUND,
        "The database (default) does not exist for project p",
        StoreRefusedError,
        r"gcloud firestore databases create --database='\(default\)' --location=",
    ),
    (Code.FAILED_PRECONDITION, "The query requires an index.", StoreRefusedError, "firebase deploy --only"),
    (Code.FAILED_PRECONDITION, "in Datastore Mode", StoreRefusedError, "Native mode"),
    (Code.INVALID_ARGUMENT, "exceeds the maximum allowed size", StoreFullError, "too large"),
    (Code.INVALID_ARGUMENT, "no such thing", StoreRefusedError, "no such thing"),
]
METHODS = ["Commit", "BatchGetDocuments", "RunQuery", "RunAggregationQuery"]


@pytest.mark.parametrize(("code", "message", "error", "says"), CASES)
@pytest.mark.usefixtures("refused")
class TestEveryCall:
    @pytest.fixture
    def refused(self, on_firestore, faults, code, message):
        self.given, self.faults = on_firestore, faults
        (self.before,) = on_firestore.claimed("p1")
        on_firestore.queue("p2")
        self.batch = on_firestore.plan("b2")
        for method in METHODS:
            faults.fail(method, code, times=1_000, message=message)

    @pytest.mark.parametrize(
        "call",
        [
            lambda given, before, _: given.store.commit([given.unit(before, PromptState.DONE, "p3")]),
            lambda given, _, batch: given.store.claim(batch, limit=10, max_bytes=1_000),
            lambda given, _, batch: given.store.plan(replace(batch, id="b3")),
            lambda given, _, batch: given.store.save_batch(replace(batch, size=1)),
            lambda given, before, _: given.store.prompts([before.id]),
            lambda given, *_: given.store.counters(),
            lambda given, *_: given.store.queues(),
            lambda given, *_: list(given.store.chain_prompts("c-p1")),
        ],
        ids=["commit", "claim", "plan", "save_batch", "prompts", "counters", "queues", "chain_prompts"],
    )
    def test_raises_an_error_that_names_the_database_and_the_way_out(self, call, error, says, project):
        with pytest.raises(error, match=f"(?s){says}") as caught:
            call(self.given, self.before, self.batch)
        assert project in str(caught.value)
        assert caught.value.__cause__ is not None
        self.faults.clear()
        assert self.given.read("p1") == [self.before]
        assert self.given.state("p2") is PromptState.QUEUED
        assert self.given.store.open_batches()[1:] == [self.batch]
        assert self.given.store.prompts(["p3"]) == {}


def test_a_stopped_service_is_reported_within_a_few_tries(tmp_path, clock, monkeypatch):
    with FirestoreEmulator() as emulator:
        monkeypatch.setenv(firestore_state.HOST, emulator.host)
        store = FirestoreStore("demo-stopped", blobs=LocalBlobs(tmp_path), clock=clock)
        Samples(store, clock).queue("p1")
    for call in (
        store.counters,
        lambda: Samples(store, clock).queue("p2"),
        lambda: Samples(store, clock).plan(),
    ):
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            call()
    store.close()


def test_a_record_that_no_document_holds_is_refused_before_anything_is_written(on_firestore):
    given = on_firestore
    at = given.clock.now()
    good = given.start_unit("c1", "p1")
    bad = replace(given.start_unit("c2", "p2"), chain=chain("c2", at, key="k" * (2 << 20)))
    with pytest.raises(StoreFullError, match=r"'c2' takes 2,097,.*key"):
        given.store.commit([good, bad])
    assert given.store.list_chains() == []
    long_name = draft(prompt("p3", "c1", at, callback="m:" + "f" * (1 << 20)))
    with pytest.raises(StoreFullError, match="p3"):
        given.store.commit([replace(good, drafts=(long_name,))])
    assert given.store.list_chains() == []


def test_a_unit_of_too_many_moves_is_refused_whole(on_firestore, monkeypatch):
    given = on_firestore
    monkeypatch.setattr(commit, "CALL_BYTES", 10_000)
    claimed = given.claimed(*(f"p{number}" for number in range(50)))
    moves = tuple(Move(each, given.after(each, PromptState.DONE)) for each in claimed)
    with pytest.raises(StoreFullError, match=r"50 moves.*end fewer"):
        given.store.commit([given.start_unit("c2", "good"), Unit("t", moves=moves)])
    assert given.state("p7") is PromptState.CLAIMED
    assert given.store.chains(["c2"]) == {}


@pytest.mark.parametrize(
    "address",
    [
        "firestore://",
        "firestore:///(default)",
        "firestore://p/a/b",
        "firestore://p?prefx=x",
        "firestore://p?keep_days=soon",
        "firestore://p?prefix=a/b",
        "firestore://p?prefix=__a",
    ],
)
def test_an_address_that_leads_nowhere_is_refused(address, tmp_path):
    with pytest.raises(ConfigurationError):
        FirestoreStore.from_address(address, blobs=LocalBlobs(tmp_path))


def test_an_address_names_project_database_prefix_and_retention(project, tmp_path, clock):
    blobs = LocalBlobs(tmp_path)
    full = f"firestore://{project}/other?prefix=mine&keep_days=30"
    store = FirestoreStore.from_address(full, blobs=blobs, clock=clock)
    Samples(store, clock).queue("p1")
    assert FirestoreStore.from_address(f"firestore://{project}", blobs=blobs).find_ids("p") == []
    again = FirestoreStore(project, "other", "mine", blobs=blobs, clock=clock)
    assert again.find_ids("p") == ["p1"]
    for each in (store, again):
        each.close()


def test_without_the_package_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['google.cloud.firestore_v1'] = None\n"
        "try:\n    import gemchain.stores.firestore\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("MissingExtraError Firestore needs packages")
    assert "pip install 'gemchain[firebase]'" in ran.stdout


def test_without_credentials_the_error_says_how_to_log_in(monkeypatch, tmp_path):
    monkeypatch.delenv(firestore_state.HOST, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    with pytest.raises(StoreRefusedError, match="gcloud auth application-default login"):
        FirestoreStore("some-project", blobs=LocalBlobs(Path(tmp_path)))


def test_a_store_lives_on_after_a_refusal(on_firestore, faults):
    faults.fail("Commit", Code.PERMISSION_DENIED)
    unit = on_firestore.start_unit("c1", "p1")
    with pytest.raises(StoreRefusedError):
        on_firestore.store.commit([unit])
    assert on_firestore.store.commit([unit]) == [APPLIED]
