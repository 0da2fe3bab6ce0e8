"""The stand-in for Mistral, asked by the service's own SDK."""

import orjson
import pytest
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

from gemchain.emulators.mistral import MistralEmulator

TURNAROUND = 600.0
MODEL = "mistral-small-latest"
BODY = {"messages": [{"role": "user", "content": "Name a fish."}]}


@pytest.fixture
def emulator(clock):
    with MistralEmulator(clock=clock, turnaround=TURNAROUND) as emulator:
        yield emulator


@pytest.fixture
def client(emulator):
    with Mistral(api_key="k", server_url=emulator.url) as client:
        yield client


def created(client, count, **metadata):
    lines = b"".join(orjson.dumps({"custom_id": f"r{n}", "body": BODY}) + b"\n" for n in range(count))
    file = client.files.upload(file={"file_name": "in.jsonl", "content": lines}, purpose="batch")
    return client.batch.jobs.create(
        endpoint="/v1/chat/completions", input_files=[file.id], model=MODEL, metadata=metadata
    )


def rows(client, file):
    return [orjson.loads(line) for line in client.files.download(file_id=file).read().splitlines()]


def test_a_job_goes_its_way_and_answers_each_request(client, clock):
    job = created(client, 3, team="red")
    assert (job.status, job.total_requests, job.metadata) == ("QUEUED", 3, {"team": "red"})
    clock.advance(TURNAROUND / 2)
    assert client.batch.jobs.get(job_id=job.id).status == "RUNNING"
    clock.advance(TURNAROUND)
    job = client.batch.jobs.get(job_id=job.id)
    assert (job.status, job.succeeded_requests, job.error_file) == ("SUCCESS", 3, None)
    found = rows(client, job.output_file)
    assert {each["custom_id"] for each in found} == {"r0", "r1", "r2"}
    assert all(each["response"]["body"]["choices"][0]["message"]["content"] for each in found)


def test_a_job_that_is_cancelled_says_so_before_it_ends_with_what_is_finished(client, clock):
    job = created(client, 40)
    clock.advance(TURNAROUND / 2)
    assert client.batch.jobs.cancel(job_id=job.id).status == "CANCELLATION_REQUESTED"
    clock.advance(TURNAROUND / 10)
    job = client.batch.jobs.get(job_id=job.id)
    assert job.status == "CANCELLED"
    assert 0 < len(rows(client, job.output_file)) == job.succeeded_requests < 40


def test_jobs_are_listed_over_pages_the_newest_first_and_from_a_moment_on(client, clock):
    made = [created(client, 1).id for _ in range(3)]
    clock.advance(60)
    later = created(client, 1).id
    pages = [client.batch.jobs.list(page=page, page_size=2) for page in range(2)]
    assert [each.id for page in pages for each in page.data] == [later, *made[::-1]]
    since = client.batch.jobs.list(created_after=clock.now().replace(second=30, minute=0))
    assert ([each.id for each in since.data], since.total) == ([later], 1)


@pytest.mark.parametrize("lines", [b"{", b'{"custom_id": "1"}\n', b""])
def test_an_input_that_the_service_refuses_makes_no_job(client, emulator, lines):
    file = client.files.upload(file={"file_name": "in.jsonl", "content": lines}, purpose="batch")
    with pytest.raises(SDKError, match="422"):
        client.batch.jobs.create(endpoint="/v1/chat/completions", input_files=[file.id], model=MODEL)
    assert emulator.jobs() == []


@pytest.mark.parametrize("path", ["files", "jobs", "input"])
def test_what_is_not_there_is_not_found(client, path):
    calls = {
        "files": lambda: client.files.download(file_id="x"),
        "jobs": lambda: client.batch.jobs.get(job_id="x"),
        "input": lambda: client.batch.jobs.create(
            endpoint="/v1/chat/completions", input_files=["x"], model=MODEL
        ),
    }
    with pytest.raises(SDKError, match="404"):
        calls[path]()


def test_a_single_request_is_answered_at_once_and_like_one_in_a_job(client, clock):
    alone = client.chat.complete(model=MODEL, messages=BODY["messages"])
    job = created(client, 1)
    clock.advance(TURNAROUND)
    (row,) = rows(client, client.batch.jobs.get(job_id=job.id).output_file)
    answer = row["response"]["body"]["choices"][0]["message"]["content"]
    assert alone.choices[0].message.content == answer
    with pytest.raises(SDKError, match="at least one message"):
        client.chat.complete(model=MODEL, messages=[])


def test_models_are_listed(client):
    assert MODEL in [each.id for each in client.models.list().data]


def test_without_a_key_nothing_is_answered(emulator):
    with Mistral(server_url=emulator.url) as client, pytest.raises(SDKError, match="401"):
        client.models.list()


@pytest.mark.parametrize(("fault", "status"), [("throttled", 429), ("unavailable", 503)])
def test_calls_that_fail_do_nothing(client, emulator, fault, status):
    emulator.set_faults(f"{fault}=1")
    with pytest.raises(SDKError) as caught:
        created(client, 1)
    assert caught.value.status_code == status
    assert emulator.jobs() == []
