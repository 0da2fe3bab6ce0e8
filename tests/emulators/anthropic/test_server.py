"""The stand-in for Anthropic, asked by the service's own SDK."""

import socket

import anthropic
import httpx2
import pytest

from gemchain.emulators.anthropic import AnthropicEmulator

TURNAROUND = 600.0
PARAMS = {"model": "claude-x", "max_tokens": 50, "messages": [{"role": "user", "content": "Name a fish."}]}


@pytest.fixture
def emulator(clock):
    with AnthropicEmulator(clock=clock, turnaround=TURNAROUND) as emulator:
        yield emulator


@pytest.fixture
def client(emulator):
    with anthropic.Anthropic(api_key="k", base_url=emulator.url, max_retries=0) as client:
        yield client


def requests(count):
    return [{"custom_id": f"r{number}", "params": PARAMS} for number in range(count)]


def counts(batch):
    return {name: number for name, number in batch.request_counts.model_dump().items() if number}


def test_a_batch_goes_its_way_and_gives_a_result_for_each_request(client, clock):
    batch = client.messages.batches.create(requests=requests(3))
    assert (batch.processing_status, counts(batch)) == ("in_progress", {"processing": 3})
    with pytest.raises(anthropic.AnthropicError, match="No `results_url`"):
        client.messages.batches.results(batch.id)
    clock.advance(TURNAROUND)
    batch = client.messages.batches.retrieve(batch.id)
    assert (batch.processing_status, counts(batch)) == ("ended", {"succeeded": 3})
    results = {each.custom_id: each.result for each in client.messages.batches.results(batch.id)}
    assert set(results) == {"r0", "r1", "r2"}
    assert all(each.message.content[0].text for each in results.values())


def test_a_batch_that_is_cancelled_is_canceling_before_it_ends(client, clock):
    batch = client.messages.batches.create(requests=requests(40))
    clock.advance(TURNAROUND / 2)
    assert client.messages.batches.cancel(batch.id).processing_status == "canceling"
    clock.advance(TURNAROUND / 10)
    ended = client.messages.batches.retrieve(batch.id)
    kinds = [each.result.type for each in client.messages.batches.results(batch.id)]
    assert counts(ended) == {kind: kinds.count(kind) for kind in ("succeeded", "canceled")}
    assert len(kinds) == 40


def test_batches_are_listed_over_pages_the_newest_first(client):
    made = [client.messages.batches.create(requests=requests(1)).id for _ in range(5)]
    assert [each.id for each in client.messages.batches.list(limit=2)] == made[::-1]


def test_a_batch_can_be_deleted_once_it_has_ended(client, clock):
    batch = client.messages.batches.create(requests=requests(1))
    with pytest.raises(anthropic.BadRequestError, match="still processing"):
        client.messages.batches.delete(batch.id)
    clock.advance(TURNAROUND)
    client.messages.batches.delete(batch.id)
    with pytest.raises(anthropic.NotFoundError, match=batch.id):
        client.messages.batches.retrieve(batch.id)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "at least 1 item"),
        ([{"custom_id": "a b", "params": PARAMS}], "pattern"),
        (requests(1) * 2, "not unique"),
        ([{"custom_id": "a", "params": {}}], "model: Field required"),
    ],
)
def test_what_the_service_refuses_is_refused(client, given, words):
    with pytest.raises(anthropic.BadRequestError, match=words):
        client.messages.batches.create(requests=given)


def test_a_single_message_is_answered_at_once_and_like_one_in_a_batch(client, clock):
    alone = client.messages.create(**PARAMS)
    batch = client.messages.batches.create(requests=requests(1))
    clock.advance(TURNAROUND)
    (together,) = client.messages.batches.results(batch.id)
    assert alone.content[0].text == together.result.message.content[0].text
    with pytest.raises(anthropic.BadRequestError, match="at least one message"):
        client.messages.create(**{**PARAMS, "messages": []})


def test_models_are_listed(client):
    assert "claude-haiku-4-5" in [each.id for each in client.models.list()]


def test_without_a_key_nothing_is_answered(emulator):
    answer = httpx2.get(f"{emulator.url}/v1/models")
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")


def test_throttled_calls_do_nothing_and_say_how_long_to_wait(client, emulator):
    emulator.set_faults("throttled=1")
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.batches.create(requests=requests(1))
    assert caught.value.response.headers["retry-after"] == "7"
    assert emulator.batches() == []


def test_a_call_that_breaks_off_on_its_way_there_does_nothing(emulator):
    host, port = emulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = b"POST /v1/messages/batches HTTP/1.1\r\nHost: x\r\nx-api-key: k\r\nContent-Length: 500\r\n\r\n"
        connection.sendall(head + b'{"requests":[')
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert emulator.batches() == []
