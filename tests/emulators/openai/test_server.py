"""The stand-in for OpenAI's API, as the official SDK sees it."""

import io
import os
import signal
import subprocess
import sys

import httpx2
import openai
import orjson
import pytest

from gemchain.emulators.openai import OpenAIEmulator
from gemchain.emulators.openai.faults import parse
from gemchain.errors import ConfigurationError
from gemchain.simulated.output import lines_of

MODEL = "gpt-4.1-mini"
TURNAROUND = 600.0
MESSAGES = [{"role": "user", "content": "List the keywords: whales breathe air, whales sing"}]
CHAT = "/v1/chat/completions"


@pytest.fixture
def emulator(clock):
    with OpenAIEmulator(clock=clock, turnaround=TURNAROUND) as emulator:
        yield emulator


@pytest.fixture
def client(emulator):
    with openai.OpenAI(api_key="any", base_url=emulator.url, max_retries=0) as client:
        yield client


def line(name, body=None, **changes):
    asked = {"model": MODEL, "messages": MESSAGES} if body is None else body
    return {"custom_id": name, "method": "POST", "url": CHAT, "body": asked, **changes}


def uploaded(client, lines):
    data = b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in lines)
    return client.files.create(file=("input.jsonl", io.BytesIO(data)), purpose="batch")


def created(client, lines, endpoint=CHAT):
    file = uploaded(client, lines)
    return client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h")


def ended(client, clock, batch):
    clock.advance(TURNAROUND)
    return client.batches.retrieve(batch.id)


def rows(client, file_id):
    return [orjson.loads(each) for each in lines_of([client.files.content(file_id).read()])]


def test_a_chat_is_answered_from_its_own_words_and_the_same_each_time(client):
    first, second = (client.chat.completions.create(model=MODEL, messages=MESSAGES) for _ in range(2))
    assert first.choices[0].message.content == "whales, breathe, sing"
    assert first.choices[0].finish_reason == "stop"
    assert first.usage.prompt_tokens > 0
    assert first == second


def test_an_answer_fits_the_schema_that_is_asked_for(client):
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": True}}
    said = client.chat.completions.create(model=MODEL, messages=MESSAGES, response_format=wanted)
    assert orjson.loads(said.choices[0].message.content).keys() == {"title"}


def test_the_responses_api_answers_with_the_text_and_the_tokens(client):
    said = client.responses.create(model=MODEL, instructions="List the keywords", input="whales sing songs")
    assert said.output_text == "whales, sing, songs"
    assert said.status == "completed"
    assert said.usage.output_tokens > 0


def test_texts_that_share_words_have_near_vectors(client):
    inputs = ["whales sing songs", "whales sing loud songs", "trains carry freight"]
    one, near, far = (
        each.embedding
        for each in client.embeddings.create(model="text-embedding-3-small", input=inputs, dimensions=64).data
    )

    def alike(left, right):
        return sum(a * b for a, b in zip(left, right, strict=True))

    assert alike(one, one) == pytest.approx(1, abs=1e-5)
    assert alike(one, near) > alike(one, far)


def test_only_the_models_that_were_named_exist(clock):
    with OpenAIEmulator(clock=clock, models=(MODEL,)) as emulator:
        client = openai.OpenAI(api_key="any", base_url=emulator.url, max_retries=0)
        assert [each.id for each in client.models.list()] == [MODEL]
        assert client.models.retrieve(MODEL).id == MODEL
        with pytest.raises(openai.NotFoundError, match="'gpt-9' does not exist"):
            client.chat.completions.create(model="gpt-9", messages=MESSAGES)
        client.close()


def test_a_responder_answers_in_place_of_the_words_and_may_raise(clock):
    def respond(request):
        if request["messages"][-1]["content"] == "bad":
            raise ValueError("no such thing")
        return "yes"

    with OpenAIEmulator(clock=clock, responder=respond) as emulator:
        client = openai.OpenAI(api_key="any", base_url=emulator.url, max_retries=0)
        good = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "good"}])
        assert good.choices[0].message.content == "yes"
        with pytest.raises(openai.BadRequestError, match="no such thing"):
            client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "bad"}])
        client.close()


def test_a_batch_goes_from_validating_to_completed_and_tells_how_far_it_is(client, clock):
    batch = created(client, [line("a"), line("b")])
    seen = [batch.status]
    clock.advance(TURNAROUND / 2)
    seen.append(client.batches.retrieve(batch.id).status)
    over = ended(client, clock, batch)
    assert [*seen, over.status] == ["validating", "in_progress", "completed"]
    assert (over.request_counts.total, over.request_counts.completed) == (2, 2)
    assert {each["custom_id"] for each in rows(client, over.output_file_id)} == {"a", "b"}
    assert over.error_file_id is None


def test_errors_of_rows_come_in_a_file_of_their_own(client, clock):
    over = ended(client, clock, created(client, [line("a"), line("b", {"model": MODEL, "messages": []})]))
    (error,) = rows(client, over.error_file_id)
    assert (error["custom_id"], error["response"]["status_code"]) == ("b", 400)
    assert error["response"]["body"]["error"]["param"] == "messages"
    assert over.request_counts.failed == 1


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([line("a"), line("a")], "duplicate_custom_id"),
        ([line("a"), line("b", {"model": "other", "messages": MESSAGES})], "mismatched_model"),
        ([line("a", url="/v1/responses")], "invalid_url"),
        ([line("a", method="GET")], "invalid_method"),
        ([line("a", body=1)], "missing_required_parameter"),
        ([1], "missing_required_parameter"),
        ([], "empty_file"),
    ],
)
def test_a_file_that_is_not_sound_fails_before_it_begins(client, clock, lines, code):
    over = ended(client, clock, created(client, lines))
    assert over.status == "failed"
    assert over.errors.data[0].code == code
    assert over.output_file_id is None


def test_a_cancelled_batch_delivers_what_it_has_finished(client, clock):
    batch = created(client, [line(str(each)) for each in range(40)])
    clock.advance(TURNAROUND / 2)
    assert client.batches.cancel(batch.id).status == "cancelling"
    over = ended(client, clock, batch)
    assert over.status == "cancelled"
    assert 0 < len(rows(client, over.output_file_id)) < 40
    with pytest.raises(openai.ConflictError, match="Cannot cancel a batch with status 'cancelled'"):
        client.batches.cancel(batch.id)


def test_a_batch_for_which_there_is_no_room_fails_until_another_has_ended(client, emulator, clock):
    emulator.set_faults("enqueued_tokens=60")
    first, second = created(client, [line("a")]), created(client, [line("b")])
    clock.advance(TURNAROUND / 2)
    failed = client.batches.retrieve(second.id)
    assert failed.status == "failed"
    assert failed.errors.data[0].code == "token_limit_exceeded"
    assert ended(client, clock, first).status == "completed"
    assert ended(client, clock, created(client, [line("b")])).status == "completed"


def test_files_and_batches_are_listed_in_pages_the_newest_first(client):
    made = [created(client, [line(str(each))]).id for each in range(5)]
    assert [each.id for each in client.batches.list(limit=2)] == made[::-1]
    files = [each.id for each in client.files.list(limit=2, order="asc")]
    assert files == sorted(files)
    assert len(files) == 5


def test_a_file_can_be_read_deleted_and_is_gone_after_its_time(client, clock):
    lives = {"anchor": "created_at", "seconds": 3600}
    file = client.files.create(file=("a.jsonl", b"one\r\ntwo"), purpose="batch", expires_after=lives)
    assert client.files.content(file.id).read() == b"one\r\ntwo"
    other = uploaded(client, [line("a")])
    assert client.files.delete(other.id).deleted
    clock.advance(3601)
    for gone in (file, other):
        with pytest.raises(openai.NotFoundError):
            client.files.retrieve(gone.id)


def test_a_call_that_is_throttled_says_when_to_come_again_if_that_is_wanted(client, emulator):
    for faults, pause in (("throttled=1", None), ("throttled=1,retry_after=7", "7")):
        emulator.set_faults(faults)
        with pytest.raises(openai.RateLimitError) as caught:
            client.batches.list()
        assert caught.value.response.headers.get("Retry-After") == pause


def test_a_creation_may_have_worked_although_it_was_answered_with_an_error(client, emulator):
    file = uploaded(client, [line("a")])
    emulator.set_faults("create_lost=1")
    with pytest.raises(openai.InternalServerError):
        client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    assert len(emulator.batches()) == 1


def test_a_new_batch_is_missing_from_lists_for_a_while(client, emulator, clock):
    emulator.set_faults("list_lag=30")
    batch = created(client, [line("a")])
    assert list(client.batches.list()) == []
    clock.advance(30)
    assert [each.id for each in client.batches.list()] == [batch.id]


def test_a_connection_may_break_in_the_middle_of_an_answer(client, emulator):
    emulator.set_faults("cut=1")
    with pytest.raises((openai.APIConnectionError, httpx2.HTTPError)):
        client.chat.completions.create(model=MODEL, messages=MESSAGES)


def test_a_call_takes_the_time_that_it_is_told_to(client, emulator):
    emulator.set_faults("latency=0.3")
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.1).models.list()


@pytest.mark.parametrize("faults", ["nonsense=1", "throttled=often"])
def test_a_fault_that_does_not_exist_is_refused(faults):
    with pytest.raises(ConfigurationError):
        parse(faults)


def test_a_call_without_a_key_or_to_no_such_place_is_refused(emulator):
    assert httpx2.get(f"{emulator.url}/models").status_code == 401
    known = {"Authorization": "Bearer any"}
    assert httpx2.get(f"{emulator.url}/nothing", headers=known).status_code == 404
    assert httpx2.post(f"{emulator.url}/files", headers=known, content=b"x").status_code == 400


def test_the_program_says_where_it_serves_and_stops_when_it_is_told_to():
    started = subprocess.Popen(
        [sys.executable, "-m", "gemchain.emulators.openai", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    said = started.stdout.readline()
    url = said.strip().rpartition("OPENAI_BASE_URL=")[2]
    assert httpx2.get(f"{url}/models", headers={"Authorization": "Bearer any"}).status_code == 200
    started.send_signal(signal.SIGTERM)
    started.stdout.close()
    assert started.wait(30) == 0
