"""The Vertex stand-in over HTTP: its paths, and what it refuses."""

import os
import re
import signal
import subprocess
import sys

import pytest
import requests

from gemchain.emulators.vertex import VertexEmulator
from gemchain.errors import ConfigurationError
from tests.support.bucket import BucketStorage, MemoryBucket

PARENT = "projects/p/locations/us-central1/batchPredictionJobs"
LINE = b'{"request":{"contents":[{"role":"user","parts":[{"text":"What is it?"}]}]}}\n'


@pytest.fixture
def bucket():
    bucket = MemoryBucket()
    bucket.put("in.jsonl", LINE * 3)
    return bucket


@pytest.fixture
def emulator(bucket, clock):
    with VertexEmulator(clock=clock, storage=BucketStorage(bucket), turnaround=100.0) as emulator:
        yield emulator


@pytest.fixture
def call(emulator):
    with requests.Session() as session:

        def call(verb, path, body=None, version="v1", **query):
            found = session.request(
                verb, f"{emulator.url}/{version}/{path}", json=body, params=query, timeout=10
            )
            return found.status_code, found.json()

        yield call


def asked(**changes):
    return {
        "displayName": "mine",
        "model": "publishers/google/models/gemini-3.5-flash-lite",
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://bucket/in.jsonl"]}},
        "outputConfig": {
            "predictionsFormat": "jsonl",
            "gcsDestination": {"outputUriPrefix": "gs://bucket/out"},
        },
        "labels": {"team": "red"},
        **changes,
    }


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_job_is_created_shown_and_over_in_both_versions(call, clock, bucket, version):
    status, job = call("POST", PARENT, asked(), version)
    assert (status, job["state"]) == (200, "JOB_STATE_QUEUED")
    assert re.fullmatch(r"projects/\d+/locations/us-central1/batchPredictionJobs/\d{19}", job["name"])
    clock.advance(100)
    _, job = call("GET", job["name"], version=version)
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert job["completionStats"] == {"successfulCount": "3", "failedCount": "0", "incompleteCount": "0"}
    directory = job["outputInfo"]["gcsOutputDirectory"]
    assert re.fullmatch(r"gs://bucket/out/prediction-model-\d{4}-\d\d-\d\dT[\d:.]+Z", directory)
    assert len(bucket.read(f"{directory}/predictions.jsonl").splitlines()) == 3


def test_lists_are_filtered_and_paged_with_the_newest_first(call, clock):
    names = [call("POST", PARENT, asked(displayName=f"job-{number % 2}"))[1]["name"] for number in range(6)]
    clock.advance(1)
    assert [job["name"] for job in call("GET", PARENT)[1]["batchPredictionJobs"]] == names[::-1]
    found = call(
        "GET", PARENT, filter='display_name="job-1" AND labels.team=red AND state="JOB_STATE_QUEUED"'
    )[1]
    assert [job["name"] for job in found["batchPredictionJobs"]] == names[5::-2]
    assert call("GET", PARENT, filter='display_name!="job-1" AND labels:team')[1]["batchPredictionJobs"]
    assert call("GET", PARENT, filter='labels.team="blue"')[1] == {}
    first = call("GET", PARENT, pageSize=4)[1]
    rest = call("GET", PARENT, pageSize=4, pageToken=first["nextPageToken"])[1]
    assert [job["name"] for page in (first, rest) for job in page["batchPredictionJobs"]] == names[::-1]
    assert "nextPageToken" not in rest


def test_other_projects_and_locations_are_other_worlds(call):
    _, job = call("POST", PARENT, asked())
    assert call("GET", PARENT.replace("us-central1", "global"))[1] == {}
    assert call("GET", PARENT.replace("/p/", "/q/"))[1] == {}
    assert call("GET", job["name"].replace("us-central1", "global"))[0] == 404


def test_a_job_that_is_over_can_be_deleted_and_one_that_runs_cannot(call, clock):
    _, job = call("POST", PARENT, asked())
    status, refusal = call("DELETE", job["name"])
    assert (status, refusal["error"]["status"]) == (400, "FAILED_PRECONDITION")
    clock.advance(100)
    assert call("DELETE", job["name"])[1]["done"] is True
    assert call("GET", job["name"])[0] == 404


def test_a_job_that_is_cancelled_passes_through_cancelling(call, clock):
    _, job = call("POST", PARENT, asked())
    clock.advance(50)
    assert call("POST", f"{job['name']}:cancel", {})[0] == 200
    assert call("GET", job["name"])[1]["state"] == "JOB_STATE_CANCELLING"
    clock.advance(10)
    ended = call("GET", job["name"])[1]
    assert (ended["state"], ended["error"]["code"]) == ("JOB_STATE_CANCELLED", 1)
    assert call("POST", f"{job['name']}:cancel", {})[0] == 400


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"displayName": ""}, 400, "displayName; Message: Required field is not set"),
        ({"model": None}, 400, "model; Message: Required"),
        ({"model": "publishers/google/models/gemini-0.1"}, 404, "Publisher Model"),
        ({"model": "gpt-5"}, 404, "Publisher Model"),
        ({"inputConfig": {"instancesFormat": "csv"}}, 400, "Only 'jsonl'"),
        ({"inputConfig": {"instancesFormat": "jsonl"}}, 400, "at least one gcs_source.uris"),
        (
            {"inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["/in.jsonl"]}}},
            400,
            "must start with gs://",
        ),
        (
            {"inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://other/in.jsonl"]}}},
            400,
            "bucket does not exist",
        ),
    ],
)
def test_what_vertex_refuses_is_refused(call, changes, status, words):
    found, refusal = call("POST", PARENT, asked(**changes))
    assert found == status
    assert words in refusal["error"]["message"]


def test_an_input_with_too_many_requests_or_bytes_is_refused(call, clock, bucket, monkeypatch):
    bucket.put("in.jsonl", b"{}\n" * 200_001)
    _, job = call("POST", PARENT, asked())
    clock.advance(100)
    ended = call("GET", job["name"])[1]
    assert ended["state"] == "JOB_STATE_FAILED"
    assert "200001 requests" in ended["error"]["message"]
    monkeypatch.setattr("gemchain.emulators.vertex.service.MAX_BYTES", 100)
    assert "larger than the limit" in call("POST", PARENT, asked())[1]["error"]["message"]


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", "projects/p", 404),
        ("GET", f"{PARENT}/1", 404),
        ("GET", f"{PARENT}/x", 404),
        ("POST", f"{PARENT}/1:pause", 404),
        ("GET", f"{PARENT}?filter=nonsense", 400),
        ("GET", f"{PARENT}?pageToken=x", 400),
    ],
)
def test_a_path_that_leads_nowhere_says_so(call, verb, path, status):
    found, refusal = call(verb, path)
    assert found == status
    assert refusal["error"]["message"]


def test_a_body_that_is_not_json_is_refused(emulator):
    found = requests.post(f"{emulator.url}/v1/{PARENT}", data=b"{", timeout=10)
    assert found.status_code == 400
    assert "Invalid JSON payload" in found.json()["error"]["message"]


def test_faults_that_cannot_be_read_are_refused(emulator):
    with pytest.raises(ConfigurationError, match="list_lag"):
        emulator.set_faults("list_lag=soon")
    with pytest.raises(ConfigurationError, match="did you mean 'expired'"):
        emulator.set_faults("expird=1")


def test_it_serves_from_the_command_line_until_it_is_interrupted():
    command = [sys.executable, "-m", "gemchain.emulators.vertex", "--port", "0"]
    environment = {**os.environ, "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        said = process.stdout.readline()
        address = said.partition("GEMCHAIN_VERTEX_ENDPOINT=")[2].strip()
        assert requests.get(f"{address}/v1/{PARENT}", timeout=10).json() == {}
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
