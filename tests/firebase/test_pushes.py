"""The routes as a Cloud Function: run by functions-framework, as Cloud Run runs it."""

from dataclasses import replace

import pytest
from functions_framework import create_app

from gemchain.api.submission import prompt, submit_many
from gemchain.errors import ConfigurationError
from gemchain.firebase.pushes import push_function
from gemchain.firebase.stages import assemble_and_launch, look_hinted, sweep_up
from gemchain.providers.output_files import output_folder
from gemchain.records.states import BatchState
from gemchain.runtime import using
from gemchain.serve.exchange import MOST_BYTES
from gemchain.testing import embedded
from tests.serve.senders import OPENAI_SECRET, SHARED, openai_event, pubsub_push, signed

DONE = "/batch_processing_done"
HOUR = 3600
MAIN = """
from gemchain.firebase.pushes import push_function

gemchainPush = push_function("OPENAI_WEBHOOK_SECRET", "GEMCHAIN_PUSH_SECRET")
"""


class Tasks:
    def __init__(self):
        self.batches = []

    def dispatch(self, part, /):
        pass

    def look(self, batch, /):
        self.batches.append(batch.id)

    def hurry(self):
        pass


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", OPENAI_SECRET)
    (tmp_path / "main.py").write_text(MAIN)
    return create_app("gemchainPush", str(tmp_path / "main.py"), "http").test_client()


@pytest.fixture
def runtime(tmp_path):
    patient = {"grace": 0, "poll": HOUR, "poll_max": HOUR, "simulated_turnaround": 60}
    with embedded(tmp_path / "state", push_secret=SHARED, **patient) as engine:
        runtime = replace(engine.runtime, waker=Tasks())
        with using(runtime):
            yield runtime


@pytest.fixture
def batch(runtime):
    """A batch that is asked about again in an hour."""
    submit_many([prompt("bees", "simulated/x")])
    (batch,) = assemble_and_launch(runtime).batches
    sweep_up(runtime, runtime.store.now())
    asked = runtime.store.batches([batch.id])[batch.id]
    assert asked.poll_at > runtime.store.now()
    return asked


def test_a_notification_queues_a_task_that_collects_the_batch_an_hour_before_its_time(client, runtime, batch):
    runtime.clock.advance(60)
    reply = client.post(DONE, json={"batch": batch.id}, headers={"Authorization": f"Bearer {SHARED}"})
    assert (reply.status_code, reply.get_json()) == (200, {"batches": [batch.id]})
    assert runtime.waker.batches == [batch.id]
    (arrived,) = look_hinted(runtime, batch.id, runtime.store.now()).batches
    assert arrived.state is BatchState.ARRIVED


def test_a_signed_webhook_is_taken_and_one_that_is_forged_is_refused(client, runtime, batch):
    sent = runtime.store.save_batch(replace(batch, provider="openai", job="batch_7"))
    body = openai_event("batch_7")
    assert (
        client.post("/webhooks/openai", data=body + b" ", headers=signed(body, OPENAI_SECRET)).status_code
        == 401
    )
    assert runtime.store.batches([batch.id])[batch.id] == sent
    reply = client.post("/webhooks/openai", data=body, headers=signed(body, OPENAI_SECRET))
    assert reply.get_json() == {"batches": [batch.id]}


def test_a_path_keeps_its_query(client, runtime):
    body = pubsub_push("bucket", f"gemchain/{output_folder('b0')}/predictions.jsonl")
    path = "/notifications/storage"
    assert client.post(f"{path}?token={SHARED}", data=body).status_code == 200
    assert client.post(f"{path}?token=wrong", data=body).status_code == 401


@pytest.mark.parametrize(("path", "body", "status"), [
    ("/webhooks/gemini", b"", 503),
    (DONE, b"", 401),
    (DONE, b"x" * (MOST_BYTES + 1), 413),
    ("/elsewhere", b"", 404),
])  # fmt: skip
def test_what_the_routes_refuse_is_refused(client, runtime, batch, path, body, status):
    assert client.post(path, data=body).status_code == status
    assert runtime.store.batches([batch.id])[batch.id] == batch
    assert runtime.waker.batches == []


def test_a_secret_that_cannot_be_right_closes_the_function(client, runtime, monkeypatch):
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", "sk-an-api-key")
    reply = client.post(DONE, headers={"Authorization": f"Bearer {SHARED}"})
    assert reply.status_code == 503
    assert "sk-an-api-key" not in reply.get_data(as_text=True)


def test_the_function_is_public_and_gets_the_secrets_that_it_names_and_no_other():
    endpoint = push_function("GEMCHAIN_PUSH_SECRET").__firebase_endpoint__
    assert endpoint.entryPoint == "gemchainPush"
    assert endpoint.httpsTrigger == {"invoker": ["public"]}
    assert [each["key"] for each in endpoint.secretEnvironmentVariables] == ["GEMCHAIN_PUSH_SECRET"]


@pytest.mark.parametrize("names", [(), ("GEMCHAIN_START_KEY",), ("GEMCHAIN_PUSH_SECRET", "PUSH")])
def test_a_function_without_a_secret_that_turns_a_route_on_is_refused(names):
    with pytest.raises(ConfigurationError, match="GEMCHAIN_PUSH_SECRET"):
        push_function(*names)
