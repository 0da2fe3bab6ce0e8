"""The simulated provider: the contract, and what only it promises."""

from collections import Counter
from dataclasses import replace

import orjson
import pytest

from gemchain.blobs.local import LocalBlobs
from gemchain.errors import ConfigurationError, ProviderRejectedError, ProviderUnavailableError
from gemchain.formats.gemini.finish_reasons import judge
from gemchain.ports import JobState
from gemchain.providers.simulated import SimulatedProvider
from gemchain.simulated.faults import Faults
from tests.contracts.gemini_batches_contract import MODEL, GeminiBatchesContract, asking
from tests.contracts.provider_contract import TURNAROUND, Service, ids, named


def serving(provider, blobs, clock) -> Service:
    def set_faults(text):
        provider.faults = Faults.parse(text)

    def jobs_named(display):
        return sum(1 for _ in blobs.list(f"simulated/jobs/{display}/"))

    return Service(provider, blobs, clock, set_faults, jobs_named, MODEL)


@pytest.fixture
def blobs(tmp_path):
    return LocalBlobs(tmp_path / "files")


@pytest.fixture
def provider(blobs, clock):
    return SimulatedProvider(blobs, clock, turnaround=TURNAROUND)


@pytest.fixture
def service(provider, blobs, clock):
    return serving(provider, blobs, clock)


class TestSimulatedProvider(GeminiBatchesContract):
    @pytest.fixture
    def service(self, provider, blobs, clock):
        return serving(provider, blobs, clock)


def test_everything_that_a_user_sees_says_simulated(service):
    batch = service.sent(service.batch(1))
    running, over = service.provider.poll(batch), service.landed(batch)
    body = service.rows(over)[0].body
    for text in (batch.job, running.detail, over.detail, body["modelVersion"], body["responseId"]):
        assert "simulated" in text


def test_another_process_finds_and_finishes_the_job(service, blobs, clock):
    batch = service.sent(service.batch(3))
    other = SimulatedProvider(blobs, clock, turnaround=TURNAROUND)
    assert other.find(batch).name == batch.job
    clock.advance(TURNAROUND)
    assert other.poll(batch).output == service.provider.poll(batch).output


def test_a_poller_that_dies_before_the_mark_loses_nothing(service, monkeypatch):
    batch = service.sent(service.batch(20))
    with monkeypatch.context() as patch:
        patch.setattr(service.provider, "_save", lambda record: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            service.landed(batch)
    job = service.provider.poll(batch)
    assert named(service.rows(job)) == Counter(ids(batch))
    assert service.provider.paid_rows() == Counter(ids(batch))


def removes_files(blobs):
    """What `gemchain gc` does to the files of every batch, in another process."""
    for info in list(blobs.list("")):
        blobs.delete(info.uri)


def test_a_poller_brings_no_files_back_that_were_removed_while_it_wrote(blobs, clock):
    answers = []

    def responder(request):
        if not answers:
            removes_files(blobs)
        answers.append(request)
        return "late"

    provider = SimulatedProvider(blobs, clock, turnaround=TURNAROUND, responder=responder)
    service = serving(provider, blobs, clock)
    batch = service.sent(service.batch(2))
    with pytest.raises(ProviderRejectedError, match="removed"):
        service.landed(batch)
    assert len(answers) == 2
    assert list(blobs.list("")) == []


def test_a_launcher_brings_no_job_back_whose_input_was_removed_meanwhile(service, blobs, monkeypatch):
    check = service.provider._checked_input

    def checked_then_removed(batch):
        uri = check(batch)
        removes_files(blobs)
        return uri

    batch = service.batch(2)
    monkeypatch.setattr(service.provider, "_checked_input", checked_then_removed)
    with pytest.raises(ProviderRejectedError, match="removed"):
        service.provider.create(batch)
    assert list(blobs.list("")) == []


def test_two_pollers_at_once_deliver_the_same_rows_and_neither_file_goes_away(service, blobs, clock):
    service.set_faults("failed=0.2,missing=0.2,malformed=0.1,duplicated=0.2")
    batch = service.sent(service.batch(40))
    other = SimulatedProvider(blobs, clock, turnaround=TURNAROUND, faults=service.provider.faults)
    save, jobs = service.provider._save, []

    def poll_between(record):
        jobs.append(other.poll(batch))  # after the rows were written, before the record is marked
        save(record)

    service.provider._save = poll_between
    jobs.append(service.landed(batch))
    one, two = jobs
    assert one.output != two.output
    assert service.lines(one) == service.lines(two)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(blobs, clock):
    faults = "failed=0.3,truncated=0.2,missing=0.1"
    texts = []
    for seed in (7, 7, 8):
        provider = SimulatedProvider(blobs, clock, turnaround=TURNAROUND, seed=seed, faults=faults)
        service = serving(provider, blobs, clock)
        batch = service.batch(30) if not texts else batch  # noqa: F821
        for info in blobs.list("simulated/jobs/"):
            blobs.delete(info.uri)
        lines = service.lines(service.landed(batch))
        texts.append([{**orjson.loads(line), "processed_time": "", "response": ""} for line in lines])
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_a_prompt_that_is_sent_again_draws_anew(service):
    service.set_faults("failed=0.5")
    batch = service.batch(40)
    failed = [
        {row.prompt_id for row in service.rows(service.landed(service.sent(batch))) if row.failure}
        for _ in range(3)
    ]
    assert len(set(map(frozenset, failed))) == 3


def test_rows_come_in_another_order_unless_asked_otherwise(service):
    batch = service.batch(40)
    order = [row.prompt_id for row in service.rows(service.landed(service.sent(batch)))]
    service.set_faults("shuffle=0")
    kept = [row.prompt_id for row in service.rows(service.landed(service.sent(batch)))]
    assert order != kept
    assert sorted(order) == sorted(kept)
    assert kept == [service.provider.read_input(line)[0] for line in blobs_lines(service, batch)]


def blobs_lines(service, batch):
    return service.blobs.read(batch.input_uri).splitlines()


def test_the_bill_counts_every_job_that_answered_a_prompt(service):
    service.set_faults("keyless=0.5,unlabelled=0.5")
    batch, other = service.batch(10), service.batch(5)
    service.sent(batch)
    service.landed(batch)
    service.landed(other)
    paid = service.provider.paid_rows()
    assert {paid[each] for each in ids(batch)} == {2}
    assert {paid[each] for each in ids(other)} == {1}


def test_the_bill_leaves_out_what_was_not_answered(service):
    service.set_faults("failed=0.3,missing=0.3")
    batch = service.batch(40)
    rows = service.rows(service.landed(batch))
    assert service.provider.paid_rows() == Counter(row.prompt_id for row in rows if row.body is not None)


def test_the_bill_is_empty_while_jobs_run_or_when_they_failed(service):
    service.set_faults("job_failed=1")
    service.landed(service.batch())
    service.sent(service.batch())
    assert not service.provider.paid_rows()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("a text", None),
        (
            {"candidates": [{"content": {"parts": [{"text": "half"}]}, "finishReason": "MAX_TOKENS"}]},
            "truncated",
        ),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "blocked"),
    ],
)
def test_a_responder_of_ones_own_answers_with_a_text_or_a_whole_body(blobs, clock, said, reason):
    provider = SimulatedProvider(blobs, clock, responder=lambda request: said, turnaround=TURNAROUND)
    service = serving(provider, blobs, clock)
    row = service.rows(service.landed(service.batch(1)))[0]
    failure = judge(row.body)
    assert (failure.reason if failure else None) == reason
    assert row.body["usageMetadata"]["totalTokenCount"] > 0


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (RuntimeError("out of order"), True),
        (TimeoutError("out of time"), True),
        (ConnectionError("out of reach"), True),
        (ProviderUnavailableError("out for lunch"), True),
        (ValueError("out of range"), False),
        (PermissionError("out of bounds"), False),
    ],
)
@pytest.mark.parametrize("raised", [True, False])
def test_a_responders_error_becomes_the_error_of_the_row(blobs, clock, error, retryable, raised):
    def responder(request):
        if raised:
            raise error
        return error

    provider = SimulatedProvider(blobs, clock, responder=responder, turnaround=TURNAROUND)
    service = serving(provider, blobs, clock)
    failure = service.rows(service.landed(service.batch(1)))[0].failure
    assert str(error) in failure.message
    assert failure.retryable is retryable


def test_a_responder_that_returns_something_else_gets_an_error(blobs, clock):
    provider = SimulatedProvider(blobs, clock, responder=lambda request: 42, turnaround=TURNAROUND)
    service = serving(provider, blobs, clock)
    failure = service.rows(service.landed(service.batch(1)))[0].failure
    assert "returned int" in failure.message
    assert not failure.retryable


def test_a_responder_sees_the_request_as_it_was_submitted(blobs, clock):
    seen = []
    provider = SimulatedProvider(blobs, clock, responder=lambda request: seen.append(request) or "x")
    service = serving(provider, blobs, clock)
    requests = [asking("one"), asking("two", labels={"team": "red"})]
    service.landed(service.batch(requests=requests))
    assert seen == requests


def test_more_requests_than_vertex_takes_are_refused(service):
    batch = replace(service.batch(1), requests=200_001)
    with pytest.raises(ProviderRejectedError, match="200,000"):
        service.provider.create(batch)


def test_a_job_with_no_turnaround_is_over_at_once(blobs, clock):
    service = serving(SimulatedProvider(blobs, clock), blobs, clock)
    batch = service.sent(service.batch(2))
    assert service.provider.poll(batch).state is JobState.LANDED


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("faild=0.1", "failed"),
        ("failed=lots", "share"),
        ("failed=2", "share"),
        ("failed=0.6,missing=0.6", "more than 1"),
    ],
)
def test_faults_that_cannot_be_read_are_refused_with_the_way_out(blobs, clock, text, hint):
    with pytest.raises(ConfigurationError, match=hint):
        SimulatedProvider(blobs, clock, faults=text)
