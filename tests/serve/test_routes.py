"""Who may call which route, and what a call does."""

import json

import pytest

from gemchain.errors import StoreUnavailableError
from gemchain.providers.output_files import output_folder
from gemchain.serve.exchange import MOST_BYTES
from gemchain.serve.keys import Keys
from tests.serve.senders import (
    EVENT,
    OPENAI_SECRET,
    SHARED,
    cloud_event,
    object_of,
    openai_event,
    pubsub_push,
)

DONE = "/batch_processing_done"
STORAGE = "/notifications/storage"
BEARER = {"Authorization": f"Bearer {SHARED}"}
HEADER = {"X-Gemchain-Secret": SHARED}


def output(batch):
    return f"gemchain/{output_folder(batch.id)}/prediction-1/predictions.jsonl"


@pytest.mark.parametrize("headers", [BEARER, HEADER])
def test_without_a_body_everything_that_runs_is_due(endpoint, headers):
    status, said = endpoint.post(DONE, headers=headers)
    assert status == 200
    assert set(said["batches"]) == {each.id for each in endpoint.running.values()}
    assert endpoint.due() == {"openai", "gemini-api", "vertex"}


def test_a_batch_is_meant_by_its_id_or_by_its_job(endpoint):
    vertex, openai = endpoint.running["vertex"], endpoint.running["openai"]
    assert endpoint.post(DONE, json.dumps({"batch": openai.id}).encode(), BEARER)[1]["batches"] == [openai.id]
    assert endpoint.due() == {"openai"}
    assert endpoint.post(DONE, json.dumps({"job": vertex.job}).encode(), BEARER)[1]["batches"] == [vertex.id]
    assert endpoint.due() == {"openai", "vertex"}


@pytest.mark.parametrize("body", [b'{"batch": "b00"}', b'{"job": "jobs/unknown"}'])
def test_what_is_not_there_changes_nothing(endpoint, body):
    assert endpoint.post(DONE, body, BEARER) == (200, {"batches": []})
    assert endpoint.nothing_changed()


@pytest.mark.parametrize(
    "body",
    [b'{"batch": 7}', b'{"batch": ""}', b'{"chain": "x"}', b'{"batch": "a", "job": "b"}', b"all", b"[1]"],
)
def test_a_body_that_says_something_else_is_refused_with_what_to_say(endpoint, body):
    status, said = endpoint.post(DONE, body, BEARER)
    assert status == 400
    assert said["error"]
    assert endpoint.nothing_changed()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {SHARED}"},
        {"X-Gemchain-Secret": SHARED + "x"},
        {"X-Gemchain-Secret": "gehört nicht dazu"},
    ],
)
@pytest.mark.parametrize("path", [DONE, STORAGE, f"{STORAGE}?token=wrong", f"{DONE}?token={SHARED}"])
def test_without_the_secret_nothing_changes(endpoint, headers, path):
    assert endpoint.post(path, pubsub_push("bucket", output(endpoint.running["vertex"])), headers)[0] == 401
    assert endpoint.nothing_changed()


def test_a_push_of_pubsub_makes_the_batch_due_whose_output_was_written(endpoint):
    batch = endpoint.running["vertex"]
    body = pubsub_push("bucket", output(batch))
    assert endpoint.post(f"{STORAGE}?token={SHARED}", body) == (200, {"batches": [batch.id]})
    assert endpoint.due() == {"vertex"}


def test_an_event_of_eventarc_does_in_one_piece_or_with_its_attributes_as_headers(endpoint):
    batch = endpoint.running["vertex"]
    whole = endpoint.post(STORAGE, cloud_event("bucket", output(batch)), BEARER)
    assert whole == (200, {"batches": [batch.id]})
    body = json.dumps(object_of("bucket", output(batch))).encode()
    assert endpoint.post(STORAGE, body, {"Ce-Type": EVENT, **BEARER}) == whole


@pytest.mark.parametrize(
    "body",
    [
        lambda name: pubsub_push("another-bucket", name),
        lambda name: pubsub_push("bucket", name.replace("gemchain/", "another/")),
        lambda name: pubsub_push("bucket", name, "OBJECT_DELETE"),
        lambda name: pubsub_push("bucket", name.replace("predictions", "incremental_predictions")),
        lambda name: pubsub_push("bucket", "gemchain/batches/b00/output/predictions.jsonl"),
        lambda name: pubsub_push("bucket", "uploads/x.txt"),
        lambda name: cloud_event("bucket", name, "google.cloud.storage.object.v1.deleted"),
        lambda name: cloud_event("another-bucket", name),
    ],
)
def test_an_object_that_is_no_output_of_this_state_is_taken_and_changes_nothing(endpoint, body):
    sent = body(output(endpoint.running["vertex"]))
    assert endpoint.post(STORAGE, sent, BEARER) == (200, {"batches": []})
    assert endpoint.nothing_changed()


@pytest.mark.parametrize("body", [b"", b"{}", b"x", b'{"message": {"data": "e30="}}', b'{"message": 1}'])
def test_what_is_no_notification_of_a_bucket_is_refused(endpoint, body):
    assert endpoint.post(STORAGE, body, BEARER)[0] == 400
    assert endpoint.nothing_changed()


def test_a_second_notification_of_an_output_that_has_arrived_writes_nothing(endpoint):
    body = pubsub_push("bucket", output(endpoint.running["vertex"]))
    endpoint.post(STORAGE, body, BEARER)
    endpoint.arrive("vertex")
    before = endpoint.batches()
    assert endpoint.post(STORAGE, body, BEARER) == (200, {"batches": []})
    assert endpoint.batches() == before


@pytest.mark.parametrize("path", ["/webhooks/openai", "/webhooks/gemini", STORAGE, DONE])
def test_a_route_whose_secret_is_not_set_is_off_whatever_is_sent(endpoint, path):
    endpoint.with_keys(Keys())
    assert endpoint.post(path, openai_event("batch_68f0"), BEARER)[0] == 503
    assert endpoint.post(path, b"", {"Authorization": "Bearer "})[0] == 503
    assert endpoint.nothing_changed()


def test_each_route_is_on_by_its_own_secret(endpoint):
    endpoint.with_keys(Keys(openai=OPENAI_SECRET))
    assert [each.path for each in endpoint.pushes.routes if not each.lacks] == ["/webhooks/openai"]
    assert endpoint.webhook("openai", openai_event("batch_68f0"))[0] == 200
    assert endpoint.post(DONE, headers=BEARER)[0] == 503


@pytest.mark.parametrize("path", ["/webhooks/openai", DONE])
def test_a_body_that_is_too_large_is_refused_before_anything_is_looked_at(endpoint, path):
    assert endpoint.post(path, b" " * (MOST_BYTES + 1), BEARER)[0] == 413
    assert endpoint.nothing_changed()


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", DONE, 405),
    ("DELETE", "/webhooks/openai", 405),
    ("POST", "/healthz", 405),
    ("GET", "/", 404),
    ("POST", "/webhooks/other", 404),
    ("POST", "/webhooks/openai/", 404),
    ("GET", "/healthz", 200),
    ("HEAD", "/healthz", 200),
])  # fmt: skip
def test_a_path_or_a_method_that_is_not_there_says_so(endpoint, method, path, status):
    reply = endpoint.pushes.handle(method, path, BEARER, b"")
    assert reply.status == status
    assert ("Allow" in reply.headers) == (status == 405)
    assert endpoint.nothing_changed()


def test_a_store_that_is_away_makes_the_sender_come_again(endpoint, monkeypatch):
    def away(*_):
        raise StoreUnavailableError("the store is away at gs://secret-place")

    monkeypatch.setattr(endpoint.stand.store, "open_batches", away)
    status, said = endpoint.post(DONE, headers=BEARER)
    assert status == 503
    assert "secret-place" not in said["error"]
