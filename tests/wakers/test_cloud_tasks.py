"""The task queue of Firebase: what is sent to it, and what happens when it cannot be."""

import base64
import http.server
import json
import logging
import threading
from datetime import UTC, datetime
from unittest import mock

import pytest

from gemchain.emulators.serving import Listener
from gemchain.errors import ConfigurationError
from gemchain.records import Batch, OutputFile, Part
from gemchain.settings import Settings
from gemchain.wakers.cloud_tasks import CloudTasksWaker
from gemchain.wiring import build

FILE = OutputFile("gs://bucket/out", 1, 100)
PART = Part(id="b1-00000", batch_id="b1", index=0, file=FILE, start=0, end=100)
BATCH = Batch(id="b1", provider="vertex", model="m", created_at=datetime(2026, 1, 1, tzinfo=UTC))


class Queue(Listener, http.server.HTTPServer):
    """What the tasks emulator answers: it puts a slash before the name of the task."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.tasks = []
        self.status = 200


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.tasks.append((self.path, body["task"]))
        name = f"/{self.path.strip('/')}/{len(self.server.tasks)}"
        data = json.dumps({"task": {"name": name}}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def queue(monkeypatch):
    with Queue() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("CLOUD_TASKS_EMULATOR_HOST", f"127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo-x")
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_app_is_left():
    import firebase_admin

    yield
    if "gemchain" in firebase_admin._apps:
        firebase_admin.delete_app(firebase_admin.get_app("gemchain"))


def test_a_part_becomes_a_task_without_a_name_for_the_function_of_its_region(queue):
    CloudTasksWaker.from_address("tasks://europe-west1/gemchainDispatch").dispatch(PART)
    ((path, task),) = queue.tasks
    assert "/projects/demo-x/locations/europe-west1/queues/gemchainDispatch/tasks" in path
    assert not task.get("name")
    assert task["dispatchDeadline"] == "1800s"
    body = json.loads(base64.b64decode(task["httpRequest"]["body"]))
    assert body == {"data": {"batch": "b1", "part": "b1-00000"}}


def test_the_users_own_app_is_left_alone(queue):
    import firebase_admin

    CloudTasksWaker().dispatch(PART)
    assert list(firebase_admin._apps) == ["gemchain"]


def test_a_task_that_cannot_be_queued_is_a_warning_since_the_sweep_finds_the_part(queue, caplog):
    queue.status = 500
    with mock.patch("time.sleep"), caplog.at_level(logging.WARNING, "gemchain"):
        CloudTasksWaker().dispatch(PART)
    assert "b1-00000" in caplog.text


def test_a_batch_to_look_at_becomes_a_task_that_names_no_part(queue):
    CloudTasksWaker().look(BATCH)
    ((_, task),) = queue.tasks
    assert json.loads(base64.b64decode(task["httpRequest"]["body"])) == {"data": {"batch": "b1"}}


def test_a_batch_without_a_task_is_a_warning_since_the_sweep_looks_at_it(queue, caplog):
    queue.status = 500
    with mock.patch("time.sleep"), caplog.at_level(logging.WARNING, "gemchain"):
        CloudTasksWaker().look(BATCH)
    assert "batch b1" in caplog.text


def test_hurrying_queues_nothing(queue):
    CloudTasksWaker().hurry()
    assert queue.tasks == []


@pytest.mark.parametrize("address", ["tasks://", "tasks://region", "tasks://region/a_b", "https://region/f"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ConfigurationError, match="tasks://"):
        CloudTasksWaker.from_address(address)


def test_with_a_queue_no_process_drives_by_itself(tmp_path):
    runtime = build(Settings(state=str(tmp_path), waker="tasks://us-central1/gemchainDispatch"))
    assert runtime.drive is None
    assert isinstance(runtime.waker, CloudTasksWaker)
    runtime.store.close()


def test_an_unknown_waker_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="tasks://REGION"):
        build(Settings(state=str(tmp_path), waker="smoke://signals"))
