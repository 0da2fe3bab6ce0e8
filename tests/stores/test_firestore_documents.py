"""What lies in Firestore: a snapshot of each raw document, long texts in blobs, records that expire.

Longer than 300 lines: the shapes of all documents share their samples.
"""

import json
import os
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from google.cloud import firestore as google_firestore

from gemchain.errors import DamagedError, StoreUnavailableError
from gemchain.records import ChainMove, Failure, Move, RowCounts, Unit, Usage
from gemchain.records.states import BatchState, ChainState, PartState, PromptState
from gemchain.stores.firestore.claims import ready as firestore_ready
from tests import firestore_state
from tests.contracts.store_samples import ANSWER, APPLIED, Samples, ids

P = PromptState
SNAPSHOTS = Path(__file__).parent / "snapshots"
PASSING = {"token", "tokens", "touched", "chain_at"}
"""Fields that differ from run to run: the store draws them, or the service's clock does."""


@pytest.fixture
def given(on_firestore):
    return on_firestore


@pytest.fixture
def raw(firestore, project):
    """Reads a document as the console shows it: `raw("prompts", "p1")`."""
    client = google_firestore.Client(project=project)
    yield lambda kind, name: client.collection(f"gemchain_{kind}").document(name).get().to_dict()
    client.close()


@pytest.fixture
def collection(firestore, project):
    client = google_firestore.Client(project=project)
    yield lambda kind: {each.id: each.to_dict() for each in client.collection(f"gemchain_{kind}").stream()}
    client.close()


def plain(value, given):
    if isinstance(value, datetime):
        return f"{(value - given.clock.now()).total_seconds():+g} s"
    if isinstance(value, dict):
        return {name: plain(each, given) for name, each in sorted(value.items())}
    return value


def check(name, document, given):
    """Compare with the snapshot; UPDATE_SNAPSHOTS=1 writes it instead."""
    found = {
        field: "..." if field in PASSING else plain(document[field], given) for field in sorted(document)
    }
    path = SNAPSHOTS / f"{name}.json"
    text = json.dumps(found, indent=2) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


RICH = {
    "callback": "articles:draft",
    "on_error": "articles:mend",
    "params": '{"topic": "batteries"}',
    "accept": ("blocked",),
    "labels": '{"team": "a"}',
    "priority": 2,
    "request_hash": "abc",
}


class TestSnapshots:
    def test_of_a_queued_prompt(self, given, raw):
        given.start("c1", "p1", deadline_at=given.clock.now() + timedelta(days=1), **RICH)
        check("prompt_queued", raw("prompts", "p1"), given)

    def test_of_a_claimed_prompt(self, given, raw):
        given.claimed("p1", deadline_at=given.clock.now() + timedelta(days=1), **RICH)
        check("prompt_claimed", raw("prompts", "p1"), given)

    def test_of_a_resting_prompt(self, given, raw):
        (before,) = given.claimed("p1")
        rest = given.clock.now() + timedelta(seconds=60)
        failure = Failure("blocked", "SAFETY", retryable=True)
        given.move(before, P.QUEUED, attempt=2, batch_id=None, not_before_at=rest, failure=failure)
        check("prompt_resting", raw("prompts", "p1"), given)

    def test_of_an_answered_prompt(self, given, raw):
        (before,) = given.claimed("p1")
        failure = Failure("callback", "it broke", traceback="line 1\nline 2")
        rest = given.clock.now() + timedelta(seconds=2)
        given.move(before, P.ANSWERED, callback_attempts=1, not_before_at=rest, failure=failure)
        check("prompt_answered", raw("prompts", "p1"), given)

    def test_of_a_finished_prompt_its_child_and_its_chain(self, given, raw):
        (before,) = given.claimed("p1")
        usage = Usage(10, 20, 0.25, 0.5)
        given.move(before, P.DONE, "p2", usage=usage, ended_at=given.clock.now())
        check("prompt_done", raw("prompts", "p1"), given)
        check("prompt_child", raw("prompts", "p2"), given)
        check("chain_running", raw("chains", "c-p1"), given)
        given.store.commit([Unit("t", ending=given.end("c-p1", result='{"title": "Batteries"}'))])
        check("chain_done", raw("chains", "c-p1"), given)

    def test_of_a_failed_forked_prompt(self, given, raw):
        (before,) = given.claimed("p1", forked=True, path="0.1", join_id="j1", branch=1)
        failure = Failure("error", "no answer")
        given.move(before, P.FAILED, failure=failure, unsettled=True, ended_at=given.clock.now())
        check("prompt_failed", raw("prompts", "p1"), given)

    def test_of_a_batch_and_its_part(self, given, raw):
        batch = given.arrived(given.plan(leased_until_at=given.clock.now() + timedelta(seconds=30)), 1)
        check("batch_arrived", raw("batches", "b1"), given)
        check("part_waiting", raw("parts", "b1-00000"), given)
        (part,) = given.store.open_parts()
        counts, usage = RowCounts(done=3), Usage(1, 2, 0.5, 1.0)
        given.store.save_part(replace(part, state=PartState.DONE, counts=counts, usage=usage))
        given.save(batch, BatchState.CLOSED, closed_at=given.clock.now(), counts=counts, usage=usage)
        check("batch_closed", raw("batches", "b1"), given)
        check("part_done", raw("parts", "b1-00000"), given)

    def test_of_the_tallies_and_a_queue(self, given, collection):
        given.claimed("p1")
        given.queue("p2")
        given.store.queues()
        (counters,) = collection("tallies").values()
        counters["newest"] = dict.fromkeys(counters["newest"], "...")
        check("tally", counters, given)
        (queue,) = collection("queues").values()
        check("queue", queue, given)


BIG = "x" * (300 << 10)
LONG = '"' + "ü" * (40 << 10) + '"'


class TestTokens:
    def test_only_the_record_that_proves_a_commit_keeps_its_token(self, given, raw):
        given.start("c1", "p1", "p2")
        for number, state in enumerate((P.PARKED, P.QUEUED) * 3):
            before = given.store.chains(["c1"])["c1"].version
            moves = tuple(Move(each, replace(each.progress, state=state)) for each in given.read("p1", "p2"))
            touch = ChainMove("c1", ChainState.RUNNING, ChainState.RUNNING)
            assert given.store.commit([Unit(f"t{number}", moves=moves, ending=touch)]) == [APPLIED]
            assert given.store.chains(["c1"])["c1"].version != before
        assert len(raw("prompts", "p1")["tokens"]) == 6
        for kind, name in (("prompts", "p2"), ("chains", "c1")):
            document = raw(kind, name)
            assert document["touched"] == "t5"
            assert "tokens" not in document


class TestLongTexts:
    def big(self, given, name, request=BIG, **fields):
        unit = given.start_unit(f"c-{name}", name, size=len(request), **fields)
        return replace(unit, drafts=(unit.drafts[0]._replace(request=request),))

    def test_a_long_request_lies_in_a_blob_and_comes_back_everywhere(self, given, raw):
        given.store.commit([self.big(given, "p1")])
        document = raw("prompts", "p1")
        assert "request" not in document
        assert document["spilled"]["request"].startswith("spill/gemchain/p1-request-")
        assert given.store.requests(["p1"]) == {"p1": BIG}
        (row,) = given.store.claim(given.plan(), limit=1, max_bytes=1)
        assert row.request == BIG
        assert [each.request for each in given.store.input_rows("b1")] == [BIG]

    def test_a_request_just_below_the_threshold_stays_in_the_document(self, given, raw):
        request = "x" * (256 << 10)
        given.store.commit([self.big(given, "p1", request)])
        assert raw("prompts", "p1")["request"] == request

    def test_every_long_text_of_a_prompt_comes_back(self, given, raw):
        long = dict.fromkeys(("params", "schema", "closure", "labels"), LONG)
        given.start("c1", "p1", **long)
        given.claim(given.plan())
        (before,) = given.read("p1")
        assert {name: getattr(before, name) for name in long} == long
        failure = Failure("callback", "it broke", traceback="line\n" * 50_000)
        after = given.move(before, P.ANSWERED, failure=failure, result=LONG)
        assert (after.progress.failure, after.progress.result) == (failure, LONG)
        assert len(raw("prompts", "p1")["spilled"]) == 6
        done = given.move(after, P.DONE, failure=None, result='"short"')
        assert (done.progress.failure, done.progress.result) == (None, '"short"')
        assert raw("prompts", "p1")["spilled"].keys() == long.keys()

    def test_every_long_text_of_a_chain_comes_back(self, given, raw):
        given.start("c1", chain_fields={"args": LONG, "labels": LONG})
        failure = Failure("callback", "m" * 100_000)
        given.store.commit(
            [Unit("t", ending=given.end("c1", ChainState.FAILED, result=LONG, failure=failure))]
        )
        (chain,) = given.store.list_chains()
        assert (chain.args, chain.labels, chain.result, chain.failure) == (LONG, LONG, LONG, failure)
        assert raw("chains", "c1")["spilled"].keys() == {"args", "labels", "result", "failure"}

    def test_a_batch_with_a_long_failure_comes_back(self, given):
        failure = Failure("rejected", "m" * 2_000_000)
        saved = given.save(given.plan(), BatchState.WRITTEN, failure=failure)
        assert given.store.batches(["b1"]) == {"b1": saved}
        assert saved.failure == failure

    def test_a_fan_out_that_no_call_could_carry_is_committed_whole(self, given, spent):
        (before,) = given.claimed("p1")
        names = [f"q{number:04d}" for number in range(1_200)]
        unit = given.unit(before, P.DONE, *names)
        request = '"' + "y" * 9_000 + '"'
        unit = replace(unit, drafts=tuple(each._replace(request=request) for each in unit.drafts))
        spent()
        assert given.store.commit([unit]) == [APPLIED]
        assert spent().rpcs == {"Commit": 3, "BatchGetDocuments": 2}
        assert given.store.requests(names[:3]) == dict.fromkeys(names[:3], request)
        assert given.store.counters().prompts == {P.DONE: 1, P.QUEUED: 1_200}

    def test_a_text_that_cannot_be_written_keeps_the_whole_call_from_being_recorded(self, given, tmp_path):
        (tmp_path / "files").mkdir(exist_ok=True)
        (tmp_path / "files" / "spill").write_text("in the way", encoding="utf-8")
        with pytest.raises(StoreUnavailableError, match="writing the long texts"):
            given.store.commit([given.start_unit("c1", "p1"), self.big(given, "p2")])
        assert given.store.list_chains() == []

    def test_a_text_that_is_gone_is_said(self, given, tmp_path):
        given.store.commit([self.big(given, "p1")])
        shutil.rmtree(tmp_path / "files" / "spill")
        with pytest.raises(DamagedError, match=r"gone.*p1-request"):
            given.store.requests(["p1"])

    def test_many_large_requests_are_claimed_in_pages_that_fit_into_memory(self, given, monkeypatch):
        monkeypatch.setattr(firestore_ready, "MEMORY_BYTES", 600 << 10)
        monkeypatch.setattr(firestore_ready, "SHORT_BYTES", 0)
        request = "x" * (200 << 10)
        units = [self.big(given, f"p{number}", request) for number in range(12)]
        given.store.commit(units)
        assert len(given.claim(given.plan())) == 12
        assert sorted(ids(given.store.input_rows("b1"))) == sorted(f"p{number}" for number in range(12))


class TestRetention:
    @pytest.fixture
    def kept(self, project, tmp_path, clock):
        """A store whose ended records expire after a week."""
        at = firestore_state.host()
        store = firestore_state.open_store(
            at, project, str(tmp_path / "files"), clock, keep=timedelta(days=7)
        )
        yield Samples(store, clock)
        store.close()

    def test_without_it_nothing_expires(self, given, raw):
        (before,) = given.claimed("p1")
        unit = given.unit(before, P.DONE, ended_at=given.clock.now())
        given.store.commit([replace(unit, ending=given.end("c-p1"))])
        assert "expire_at" not in raw("prompts", "p1").keys() | raw("chains", "c-p1").keys()

    def test_ended_records_expire_and_open_ones_do_not(self, kept, raw):
        week = kept.clock.now() + timedelta(days=7)
        one, _ = kept.claimed("p1", "p2")
        unit = kept.unit(one, P.DONE, ended_at=kept.clock.now())
        kept.store.commit([replace(unit, ending=kept.end("c-p1"))])
        assert raw("prompts", "p1")["expire_at"] == raw("chains", "c-p1")["expire_at"] == week
        assert "expire_at" not in raw("prompts", "p2").keys() | raw("chains", "c-p2").keys()

    def test_batches_stay_since_they_tell_where_their_files_are(self, kept, raw):
        batch = kept.arrived(kept.plan("b2"), 1)
        (part,) = kept.store.open_parts()
        kept.store.save_part(replace(part, state=PartState.DONE))
        kept.save(batch, BatchState.CLOSED, closed_at=kept.clock.now())
        assert "expire_at" not in raw("batches", "b2").keys() | raw("parts", part.id).keys()

    def test_what_goes_back_to_work_expires_no_more(self, kept, raw):
        (before,) = kept.claimed("p1")
        failed = kept.move(before, P.FAILED, ended_at=kept.clock.now())
        assert "expire_at" in raw("prompts", "p1")
        back = replace(failed.progress, state=P.QUEUED, ended_at=None)
        kept.store.commit([Unit("t", moves=(Move(failed, back),))])
        assert "expire_at" not in raw("prompts", "p1")

    @pytest.mark.parametrize("kind", [{"forked": True}, {"durable": True}])
    def test_forked_and_async_chains_stay_since_they_go_on_from_their_prompts(self, kept, raw, kind):
        (before,) = kept.claimed("p1", **kind)
        unit = kept.unit(before, P.DONE, ended_at=kept.clock.now())
        kept.store.commit([replace(unit, ending=kept.end("c-p1"))])
        assert "expire_at" not in raw("prompts", "p1").keys() | raw("chains", "c-p1").keys()

    def test_a_settled_chain_stays_until_it_is_removed_with_its_prompts(self, kept, raw):
        kept.start("c1")
        kept.store.commit([Unit("t", ending=kept.end("c1"))])
        assert "expire_at" not in raw("chains", "c1")


def test_two_prefixes_in_one_database_do_not_meet(project, tmp_path, clock):
    at = firestore_state.host()
    stores = [
        firestore_state.open_store(at, project, str(tmp_path), clock, prefix=prefix)
        for prefix in ("one", "two")
    ]
    one, two = (Samples(each, clock) for each in stores)
    one.queue("p1")
    assert two.store.prompts(["p1"]) == {}
    assert two.store.counters().prompts == {}
    assert two.claim(two.plan()) == []
    assert ANSWER.uri.startswith("gs://")
    for each in stores:
        each.close()
