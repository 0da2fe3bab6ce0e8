"""Anthropic: the contract by its own SDK against a local server, and what only it does.

Longer than 300 lines: what the service promises, and each way in which a call of it goes wrong.
"""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import anthropic
import orjson
import pytest

from gemchain.blobs.local import LocalBlobs
from gemchain.emulators.anthropic import AnthropicEmulator
from gemchain.emulators.anthropic.errors import AnthropicRefusal
from gemchain.errors import (
    ConfigurationError,
    MissingExtraError,
    ProviderRejectedError,
    ProviderUnavailableError,
)
from gemchain.formats.anthropic.format import ANTHROPIC
from gemchain.ports import JobState
from gemchain.providers.anthropic import AnthropicProvider
from gemchain.providers.hosted import UPLOAD_SECONDS
from gemchain.records import InputRow
from gemchain.simulated.output import lines_of
from tests.contracts.provider_contract import MANY, TURNAROUND, ProviderContract, Service, ids, named

MODEL = "claude-haiku-4-5"


@pytest.fixture
def blobs(tmp_path):
    return LocalBlobs(tmp_path / "files")


@pytest.fixture
def emulator(clock):
    with AnthropicEmulator(clock=clock, turnaround=TURNAROUND) as emulator:
        yield emulator


@pytest.fixture
def service(emulator, blobs, clock):
    def jobs_named(display):
        tag = f"{display.removeprefix('gemchain-')}-"
        return sum(next(iter(batch.requests)).startswith(tag) for batch in emulator.batches())

    provider = AnthropicProvider(blobs, endpoint=emulator.url)
    yield Service(provider, blobs, clock, emulator.set_faults, jobs_named, MODEL)
    provider.close()


@pytest.fixture
def later(emulator, blobs):
    """The provider of a process that was started afterwards, and knows nothing."""
    provider = AnthropicProvider(blobs, endpoint=emulator.url)
    yield provider
    provider.close()


def lost(service, batch):
    """A batch whose job was made by a call that was not answered, as `launch` keeps it."""
    service.set_faults("create_lost=1")
    with pytest.raises(ProviderUnavailableError):
        service.provider.create(batch)
    service.set_faults("")
    tried = replace(batch, create_at=service.clock.now())
    service.clock.advance(service.provider.listing_lag)
    return tried


class TestAnthropicProvider(ProviderContract):
    early_ends = frozenset({"expired", "cancelled"})
    takes_temperature = False
    bad_row = ({"messages": [], "max_tokens": 5}, "at least one message is required")

    @pytest.fixture
    def service(self, service):
        return service

    @pytest.fixture(
        params=[
            {},
            {"messages": [], "max_tokens": 5},
            {"messages": [{"role": "user", "content": "x"}]},
            {"messages": [{"role": "user", "content": " "}], "max_tokens": 5},
            {"messages": [{"role": "model", "content": "x"}], "max_tokens": 5},
            {"messages": [{"role": "user", "content": "x"}], "max_tokens": 5, "model": "claude-x"},
        ],
        ids=repr,
    )
    def refused(self, request):
        return request.param


def test_a_line_bears_the_batch_the_prompt_and_the_model(service):
    batch = service.batch(1)
    (line,) = lines_of(service.blobs.stream(batch.input_uri))
    read = orjson.loads(line)
    assert read["custom_id"] == f"{batch.id}-{ids(batch).pop()}"
    assert len(read["custom_id"]) <= 64
    assert read["params"]["model"] == MODEL


@pytest.mark.parametrize("prompt", ["p" * 40, "é", "p/1"])
def test_an_id_that_the_service_would_refuse_does_not_spoil_the_file(service, prompt):
    with pytest.raises(ValueError, match="custom_id"):
        service.provider.input_line(service.batch(1), InputRow(prompt, '{"messages": []}'))


def test_the_body_is_the_requests_of_the_input_in_their_order(service, emulator):
    batch = service.sent(service.batch(requests=[service.asking("a\nb"), service.asking("c")]))
    (stored,) = emulator.batches()
    lines = map(orjson.loads, lines_of(service.blobs.stream(batch.input_uri)))
    assert list(stored.requests.items()) == [(each["custom_id"], each["params"]) for each in lines]


def test_a_large_input_is_sent(service):
    batch = service.batch(requests=[service.asking("x" * 1_000_000) for _ in range(10)])
    assert named(service.rows(service.landed(batch))) == Counter(ids(batch))


def test_a_body_that_is_not_sent_in_time_makes_no_batch(service, emulator, blobs):
    seconds = iter([0.0, 1.0, UPLOAD_SECONDS + 1])
    slow = AnthropicProvider(blobs, endpoint=emulator.url, seconds=lambda: next(seconds))
    batch = service.batch(requests=[service.asking("x" * 1_000_000)])
    with pytest.raises(ProviderUnavailableError, match="max_batch_bytes"):
        slow.create(batch)
    slow.close()
    assert emulator.batches() == []


def test_an_unanswered_call_is_asked_about_until_its_batch_has_ended_and_then_adopted(
    service, emulator, later
):
    batch = lost(service, service.batch())
    (stored,) = emulator.batches()
    with pytest.raises(ProviderUnavailableError, match=f"(?s){stored.id}.*nothing is paid twice"):
        later.find(batch)
    service.clock.advance(TURNAROUND)
    found = later.find(batch)
    assert (found.name, found.state) == (stored.id, JobState.LANDED)
    assert named(service.rows(found)) == Counter(ids(batch))


def test_after_a_call_that_made_nothing_there_is_nothing_to_wait_for(service, emulator, later):
    batch = replace(service.batch(), create_at=service.clock.now())
    emulator.refuse_next(AnthropicRefusal(500, "Internal server error"))
    with pytest.raises(ProviderUnavailableError):
        service.provider.create(batch)
    service.clock.advance(service.provider.listing_lag)
    assert later.find(batch) is None


def test_a_batch_of_another_with_as_many_requests_is_waited_for_and_then_ruled_out(service, later):
    other = service.sent(service.batch(3))
    batch = replace(service.batch(3), create_at=service.clock.now())
    with pytest.raises(ProviderUnavailableError, match=other.job):
        later.find(batch)
    service.clock.advance(TURNAROUND)
    assert later.find(batch) is None


def test_a_batch_that_is_known_to_be_anothers_is_not_waited_for(service, later):
    other = service.sent(service.batch(3))
    later.poll(other)
    assert later.find(replace(service.batch(3), create_at=service.clock.now())) is None


def test_a_batch_with_another_number_of_requests_is_not_waited_for(service, later):
    service.sent(service.batch(4))
    assert later.find(replace(service.batch(3), create_at=service.clock.now())) is None


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_batch_that_was_made_at_another_time_is_not_waited_for(service, later, hours):
    service.sent(service.batch(3))
    made = service.clock.now() + timedelta(hours=hours)
    assert later.find(replace(service.batch(3), created_at=made, create_at=made)) is None


def test_one_of_many_pages_is_found(service, later):
    batch = lost(service, service.batch(2))
    for _ in range(105):
        service.provider.create(service.batch(1))
    service.clock.advance(TURNAROUND)
    assert named(service.rows(later.find(batch))) == Counter(ids(batch))


def test_a_batch_that_was_cancelled_before_it_answered_gives_way_to_a_later_one(service, emulator, later):
    batch = service.batch(3)
    first = service.sent(batch)
    service.provider.cancel(first)
    service.clock.advance(TURNAROUND)
    second = lost(service, batch)
    with pytest.raises(ProviderUnavailableError, match=emulator.batches()[1].id):
        later.find(second)
    service.clock.advance(TURNAROUND)
    assert later.find(second).name == emulator.batches()[1].id
    assert service.provider.poll(first).state is JobState.FAILED


def test_results_that_are_gone_are_nobodys_and_the_batch_has_failed(service, later):
    batch = lost(service, service.batch(3))
    sent = service.sent(service.batch(3))
    service.clock.advance(timedelta(days=29).total_seconds())
    assert later.find(batch) is None
    job = later.poll(sent)
    assert (job.state, job.output) == (JobState.FAILED, ())
    assert "29 days" in job.failure.message


def test_a_list_that_lags_is_waited_out_before_the_answer_is_none(service, later):
    batch = lost(service, service.batch())
    service.set_faults(f"list_lag={service.provider.listing_lag}")
    with pytest.raises(ProviderUnavailableError):
        later.find(batch)


def test_a_broken_first_line_does_not_hide_whose_a_batch_is(service, later):
    batch = lost(service, service.batch(MANY))
    service.set_faults("malformed=0.5")
    service.clock.advance(TURNAROUND)
    assert later.find(batch).state is JobState.LANDED


def test_requests_that_were_not_tried_have_no_row_so_that_they_can_go_over_to_another_lane(service):
    service.set_faults("expired=1")
    batch = service.batch(MANY)
    job = service.landed(batch)
    rows = service.rows(job)
    assert all(row.failure is None for row in rows)
    assert f"{MANY - len(rows)} requests were not answered" in job.failure.message
    assert "24 hours" in job.failure.message


@pytest.mark.parametrize("kind", ["canceled", "expired"])
def test_a_row_of_a_request_that_was_not_tried_can_be_sent_again(service, kind):
    row = service.provider.read_row(orjson.dumps({"custom_id": "b1-p1", "result": {"type": kind}}))
    assert row.prompt_id == "p1"
    assert row.failure.retryable


@pytest.mark.parametrize(
    ("kind", "reason", "retryable"),
    [
        ("invalid_request_error", "rejected", False),
        ("overloaded_error", "server", True),
        ("api_error", "server", True),
        ("rate_limit_error", "rate", True),
        ("error_of_tomorrow", "error", True),
    ],
)
def test_errors_of_rows_are_classified_by_their_type(service, kind, reason, retryable):
    error = {"type": "error", "error": {"type": kind, "message": "no"}}
    line = orjson.dumps({"custom_id": "b1-p1", "result": {"type": "errored", "error": error}})
    failure = service.provider.read_row(line).failure
    if kind == "error_of_tomorrow":
        assert failure == ANTHROPIC.failure(0, error)
    assert (failure.reason, failure.retryable) == (reason, retryable)


def test_results_are_downloaded_once(service, blobs):
    batch = service.sent(service.batch(3))
    first = service.landed(batch)
    assert service.provider.poll(batch).output == first.output
    assert len(list(blobs.list(f"batches/{batch.id}/output/"))) == 1


def test_a_connection_that_breaks_amid_the_results_leaves_nothing_and_is_tried_again(
    service, emulator, blobs
):
    batch = service.sent(service.batch(3))
    emulator.cut_next(path="/results")
    with pytest.raises(ProviderUnavailableError, match="cannot be reached"):
        service.landed(batch)
    assert not list(blobs.list(f"batches/{batch.id}/output/"))
    assert named(service.rows(service.provider.poll(batch))) == Counter(ids(batch))


def test_an_answer_that_breaks_off_after_a_batch_was_made_does_not_say_that_there_is_none(service, emulator):
    batch = service.batch(3)
    emulator.cut_next(path="/v1/messages/batches")
    with pytest.raises(ProviderUnavailableError):
        service.provider.create(batch)
    assert len(emulator.batches()) == 1


def test_a_collector_that_dies_while_it_downloads_leaves_nothing_behind(service, blobs, monkeypatch):
    batch = service.sent(service.batch(3))
    service.clock.advance(TURNAROUND)

    def dies(found):
        yield b'{"half'
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(service.provider, "_results", dies)
        with pytest.raises(KeyboardInterrupt):
            service.provider.poll(batch)
    assert not list(blobs.list(f"batches/{batch.id}/output/"))
    assert named(service.rows(service.provider.poll(batch))) == Counter(ids(batch))


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (AnthropicRefusal(401, "invalid x-api-key"), ConfigurationError, "ANTHROPIC_API_KEY"),
        (AnthropicRefusal(403, "no"), ConfigurationError, "ANTHROPIC_API_KEY"),
        (AnthropicRefusal(400, "Your credit balance is too low"), ConfigurationError, "billing"),
        (AnthropicRefusal(413, "too large"), ProviderRejectedError, "max_batch_bytes"),
        (AnthropicRefusal(400, "bad"), ProviderRejectedError, "refuses to create the batch of .* 400: bad"),
        (AnthropicRefusal(429, "slow", {"Retry-After": "9"}), ProviderUnavailableError, "asks to wait 9 s"),
        (AnthropicRefusal(429, "slow"), ProviderUnavailableError, "429: slow$"),
        (AnthropicRefusal(500, "oh"), ProviderUnavailableError, "could not create the batch"),
        (AnthropicRefusal(529, "Overloaded"), ProviderUnavailableError, "Overloaded"),
    ],
    ids=lambda each: str(getattr(each, "code", "")),
)
def test_an_error_says_what_was_refused_and_what_to_do_and_the_call_is_not_repeated(
    service, emulator, refusal, kind, words
):
    emulator.refuse_next(refusal)
    with pytest.raises(kind, match=words):
        service.provider.create(service.batch())
    assert emulator.batches() == []


def test_a_service_that_is_not_there_is_asked_again_later(blobs):
    provider = AnthropicProvider(blobs, endpoint="http://127.0.0.1:1")
    with pytest.raises(ProviderUnavailableError, match="cannot be reached") as caught:
        provider.find(Service(provider, blobs, None, None, None, MODEL).batch(1))
    assert isinstance(caught.value.__cause__, anthropic.APIConnectionError)
    provider.close()


def test_without_a_key_it_says_where_to_get_one(blobs, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    provider = AnthropicProvider(blobs)
    with pytest.raises(ConfigurationError, match=r"platform\.claude\.com.*ANTHROPIC_API_KEY"):
        provider.find(Service(provider, blobs, None, None, None, MODEL).batch(1))


def test_without_the_library_it_says_how_to_install_it(blobs, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "anthropic", None)
    provider = AnthropicProvider(blobs, key="k")
    with pytest.raises(MissingExtraError, match=r"pip install 'gemchain\[anthropic\]'"):
        provider.find(Service(provider, blobs, None, None, None, MODEL).batch(1))


def test_the_address_of_the_environment_is_used(emulator, blobs, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", emulator.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    provider = AnthropicProvider(blobs)
    provider.create(Service(provider, blobs, None, None, None, MODEL).batch(1))
    provider.close()
    assert len(emulator.batches()) == 1


GARBLED = [
    b"<html>a proxy</html>",
    b"{half",
    b"{}",
    b"[]",
    b'"x"',
    b"null",
    b"\xff",
    b'{"id": 1, "status": 2}',
]


@pytest.mark.parametrize("answer", GARBLED)
def test_an_answer_that_makes_no_sense_says_nothing_and_is_asked_for_again(service, emulator, answer):
    batch = service.sent(service.batch())
    emulator.garble_next(answer)
    with pytest.raises(ProviderUnavailableError):
        service.provider.poll(batch)
    emulator.garble_next(answer)
    with pytest.raises(ProviderUnavailableError):
        service.provider.find(service.batch())
    emulator.garble_next(answer)
    with pytest.raises(ProviderUnavailableError):
        service.provider.cancel(batch)
    emulator.garble_next(answer, "/v1/messages/batches")
    with pytest.raises(ProviderUnavailableError):
        service.provider.create(service.batch())
    assert service.provider.poll(batch).state is JobState.RUNNING
    assert len(emulator.batches()) == 2


def test_what_is_no_result_is_not_taken_for_one_without_any_row(service, emulator, blobs):
    batch = service.sent(service.batch(3))
    emulator.garble_next(b"<html>a proxy</html>", "/results")
    with pytest.raises(ProviderUnavailableError, match="a proxy"):
        service.landed(batch)
    assert not list(blobs.list(f"batches/{batch.id}/output/"))
    assert named(service.rows(service.provider.poll(batch))) == Counter(ids(batch))
