"""`gemchain run` over Firestore and Cloud Storage does what it does over SQLite and a folder."""

import json
import os
import subprocess
import sys
import uuid

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from gemchain.base.clock import SystemClock
from tests import firestore_state
from tests.cloud_storage import fake_cloud_storage

CHAIN = """
import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"


def start(topic):
    gemchain.submit(f"Summarise: {topic}", MODEL, middle, params={"topic": topic})


def middle(response, topic):
    gemchain.submit(f"Give a title: {response.text}", MODEL, finish, params={"topic": topic})


def finish(response, topic):
    return {"topic": topic, "title": response.text}
"""


@pytest.fixture(scope="module")
def service():
    with fake_cloud_storage() as url:
        yield url


@pytest.fixture
def bucket(service, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", service)
    client = storage.Client(project="test", credentials=AnonymousCredentials())
    yield client.create_bucket(f"bucket-{uuid.uuid4().hex}")
    client.close()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "chain.py").write_text(CHAIN, encoding="utf-8")
    rows = "".join(f'{{"topic": "topic {number}"}}\n' for number in range(20))
    (tmp_path / "rows.jsonl").write_text(rows, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(folder):
    def run(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-c", "from gemchain.cli import main; main()", *arguments],
            cwd=folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def results(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


ORDER = ("run", "chain.py:start", "--input", "rows.jsonl", "--output", "results.jsonl")


def test_the_results_are_those_of_sqlite_and_nothing_lies_in_the_folder(folder, run, bucket, service):
    firestore_state.TIME.clock = SystemClock()
    project = firestore_state.new_project()
    there = {
        "GEMCHAIN_STORE": f"firestore://{project}/(default)?prefix=mine",
        "GEMCHAIN_BLOBS": f"gs://{bucket.name}/files",
        "GEMCHAIN_POLL": "0.05",
        "FIRESTORE_EMULATOR_HOST": firestore_state.host(),
        "STORAGE_EMULATOR_HOST": service,
    }
    ran = run(*ORDER, **there)
    assert ran.returncode == 0, ran.stderr
    first = results(folder / "results.jsonl")
    assert not (folder / ".gemchain" / "gemchain.db").exists()
    names = [blob.name for blob in bucket.list_blobs()]
    assert names
    assert all(name.startswith("files/") for name in names)

    again = run(*ORDER, **there)
    assert again.returncode == 0, again.stderr
    assert results(folder / "results.jsonl") == first

    status = run("status", "--json", **there)
    assert status.returncode == 0, status.stderr
    assert json.loads(status.stdout)["chains"]["DONE"] == 20

    embedded = run(*ORDER, GEMCHAIN_POLL="0.05")
    assert embedded.returncode == 0, embedded.stderr
    assert results(folder / "results.jsonl") == first


def test_a_store_that_cannot_be_reached_is_said_in_a_sentence(run):
    ran = run(
        *ORDER,
        GEMCHAIN_STORE="firestore://nobody",
        FIRESTORE_EMULATOR_HOST="127.0.0.1:1",
    )
    assert ran.returncode != 0
    assert "cannot be reached" in ran.stderr + ran.stdout
    assert "Traceback" not in ran.stderr
