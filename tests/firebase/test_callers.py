"""Calls of the functions by unauthorised callers, in production settings and without Cloud Run's protection.

The functions run as Cloud Run runs them, by functions-framework, outside of the emulator. firebase-functions
itself does not check the callers of task queue, schedule and event functions: only the project's IAM policy
does (`gemchain doctor` checks it). These tests show that a forged call only makes a stage run earlier.
"""

import json
import os
import subprocess
import sys

import pytest

from gemchain.emulators.firestore import FirestoreEmulator
from gemchain.records.states import PromptState
from gemchain.settings import Settings
from gemchain.wiring import build
from tests.cloud_storage import fake_cloud_storage
from tests.firebase.kit import FUNCTIONS

PROJECT = "demo-strangers"
BUCKET = "strangers"
KEY = "the-key-of-those-who-may-start"
ROWS = {"rows": [{"topic": "bees"}]}
SERVER = """
import json, sys
from functions_framework import create_app

clients = {}
for line in sys.stdin:
    target, kind, headers, body = json.loads(line)
    if target not in clients:
        clients[target] = create_app(target, "main.py", kind).test_client()
    answer = clients[target].post("/", headers=headers, data=body)
    print("ANSWER", json.dumps([answer.status_code, answer.get_data(as_text=True)]), flush=True)
"""


class Production:
    """The deployed codebase. Each call goes directly to the container, without Cloud Run's own check."""

    def __init__(self, environment):
        self.store = build(Settings(store=f"firestore://{PROJECT}", blobs=f"gs://{BUCKET}/gemchain")).store
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            cwd=FUNCTIONS,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def post(self, target, body, *, kind="http", **headers):
        """Call a function; returns the status and the text of the answer."""
        headers = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        self._process.stdin.write(json.dumps([target, kind, headers, json.dumps(body)]) + "\n")
        self._process.stdin.flush()
        line = next(line for line in self._process.stdout if line.startswith("ANSWER"))
        status, text = json.loads(line.removeprefix("ANSWER"))
        return status, text

    def event(self, target, name, **changes):
        """Send the event of a finalized object, as Eventarc does."""
        data = {
            "bucket": BUCKET,
            "name": name,
            "generation": "1",
            "id": name,
            "metageneration": "1",
            "size": "1",
            "storageClass": "STANDARD",
        }
        event = {
            "specversion": "1.0",
            "id": "forged",
            "type": "google.cloud.storage.object.v1.finalized",
            "source": f"//storage.googleapis.com/projects/_/buckets/{BUCKET}",
            "time": "2026-11-21T08:00:00.000Z",
            "data": data | changes,
        }
        return self.post(target, event, kind="cloudevent", Content_Type="application/cloudevents+json")

    def chains(self):
        return self.store.list_chains(limit=100)

    def close(self):
        self._process.communicate()
        self.store.close()


@pytest.fixture(scope="module")
def production():
    with (
        FirestoreEmulator() as firestore,
        fake_cloud_storage() as storage,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("FIRESTORE_EMULATOR_HOST", firestore.host)
        patch.setenv("STORAGE_EMULATOR_HOST", storage)
        from google.cloud.storage import Client

        Client(project=PROJECT).create_bucket(BUCKET).blob("uploads/wasps.txt").upload_from_string("wasps")
        settings = {
            "GCLOUD_PROJECT": PROJECT,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "FIREBASE_CONFIG": json.dumps({"projectId": PROJECT, "storageBucket": BUCKET}),
            "GEMCHAIN_BUCKET": BUCKET,
            "GEMCHAIN_SIGNING_KEY": "a-signing-key-that-is-long-enough",
            "GEMCHAIN_START_KEY": KEY,
            "GEMCHAIN_GRACE": "3600",  # nothing is sent, so every change comes from a forged call
            "K_SERVICE": "a-service-of-cloud-run",
        }
        environment = {name: value for name, value in os.environ.items() if name != "FUNCTIONS_EMULATOR"}
        running = Production(environment | settings)
        assert running.post("startArticles", {"rows": [{"topic": "ants"}]}, X_Gemchain_Key=KEY)[0] == 200
        yield running
        running.close()


def test_without_the_key_no_chain_is_started(production):
    before = production.chains()
    assert production.post("startArticles", ROWS)[0] == 401
    for wrong in ("", "x", KEY[:-1], KEY + "x", KEY.upper(), "ü"):
        assert production.post("startArticles", ROWS, X_Gemchain_Key=wrong)[0] in (401, 403), wrong
    # A token does not help: Cloud Run has removed its signature, so it proves nothing in the function.
    token = "Bearer eyJhbGciOiJSUzI1NiJ9.eyJlbWFpbCI6ICJvd25lckBleGFtcGxlLmNvbSJ9.SIGNATURE_REMOVED_BY_GOOGLE"
    assert production.post("startArticles", ROWS, Authorization=token)[0] == 401
    assert production.chains() == before


def test_with_the_key_a_chain_starts(production):
    status, text = production.post("startArticles", ROWS, X_Gemchain_Key=KEY)
    assert status == 200
    (chain,) = text.split()
    assert production.store.chains([chain])[chain].key == "bees"


@pytest.mark.parametrize("key", ["", "short"])
def test_without_a_deployed_key_every_call_is_refused(monkeypatch, key):
    from firebase_functions import https_fn
    from werkzeug.test import EnvironBuilder

    from gemchain.firebase.callers import with_the_key

    monkeypatch.setenv("GEMCHAIN_START_KEY", key)
    monkeypatch.delenv("FUNCTIONS_EMULATOR", raising=False)
    request = https_fn.Request(EnvironBuilder(headers={"X-Gemchain-Key": key}).get_environ())
    assert with_the_key(lambda _: pytest.fail("was called"))(request).status_code == 403


def everything(production):
    """All records that a forged call might change."""
    store = production.store
    prompts = [each for state in PromptState for each in store.list_prompts(state=state)]
    return (
        sorted((each.id, each.progress) for each in prompts),
        store.list_batches(),
        [part for batch in store.list_batches() for part in store.batch_parts(batch.id)],
        production.chains(),
    )


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"batch": "b0", "part": "b0-00000"}},
        {"data": {"batch": "../b0", "part": "__x__"}},
        {"data": {"batch": "b0"}},
        {"data": {"batch": "b0/parts/x"}},
        {"data": {"batch": ["b0"]}},
        {"data": {"batch": "b0/parts/x", "part": ""}},
        {"data": {"batch": ["b0"], "part": {"$ne": 1}}},
        {"data": {}},
        {"data": None},
        {"data": {"batch": "b0", "part": "x"}, "more": 1},
        {},
        [],
    ],
)
def test_a_forged_task_dispatches_nothing(production, body):
    before = everything(production)
    status, text = production.post("gemchainDispatch", body)
    assert "Traceback" not in text
    assert status in (200, 400, 415, 500)
    assert everything(production) == before


@pytest.mark.parametrize("target", ["gemchainAssemble", "gemchainSweep"])
def test_a_forged_tick_changes_nothing(production, target):
    before = everything(production)
    status, _ = production.post(target, {}, X_CloudScheduler="true", X_CloudScheduler_ScheduleTime="never")
    assert status == 200
    assert everything(production) == before


@pytest.mark.parametrize(
    "name", ["gemchain/batches/b0/output/prediction-model-1/predictions.jsonl", "../x", "", "x" * 2000]
)
def test_a_forged_event_collects_nothing(production, name):
    before = everything(production)
    production.event("gemchainCollect", name)
    assert everything(production) == before


@pytest.mark.parametrize("changes", [{}, {"bucket": "of-a-stranger"}])
def test_an_event_for_a_missing_upload_starts_nothing(production, changes):
    before = production.chains()
    assert production.event("articleUploaded", "uploads/hornets.txt", **changes)[0] == 500
    assert production.chains() == before


def test_repeated_events_for_an_upload_start_one_chain(production):
    before = len(production.chains())
    assert [production.event("articleUploaded", "uploads/wasps.txt")[0] for _ in range(2)] == [200, 200]
    assert len(production.chains()) == before + 1
