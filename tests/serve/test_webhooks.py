"""Webhooks of OpenAI and of the Gemini API, signed by the library of Standard Webhooks."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.serve.senders import GEMINI_SECRET, OPENAI_SECRET, gemini_event, openai_event, signed

COMPLETED = openai_event("batch_68f0")


@pytest.mark.parametrize("kind", ["batch.completed", "batch.failed", "batch.expired", "batch.cancelled"])
def test_an_event_of_openai_makes_its_batch_due_and_no_other(endpoint, kind):
    status, said = endpoint.webhook("openai", openai_event("batch_68f0", kind))
    assert (status, said) == (200, {"batches": [endpoint.running["openai"].id]})
    assert endpoint.due() == {"openai"}
    assert endpoint.stand.runtime.waker.take()


@pytest.mark.parametrize("kind", ["batch.succeeded", "batch.failed", "batch.expired", "batch.cancelled"])
@pytest.mark.parametrize("job", ["batches/8xkq2", "8xkq2"])
def test_an_event_of_the_gemini_api_makes_its_batch_due_and_no_other(endpoint, kind, job):
    assert endpoint.webhook("gemini", gemini_event(job, kind))[0] == 200
    assert endpoint.due() == {"gemini-api"}


def test_an_event_of_the_gemini_api_with_an_id_of_another_form_means_all_of_its_batches(endpoint):
    assert endpoint.webhook("gemini", gemini_event("batch_123456"))[0] == 200
    assert endpoint.due() == {"gemini-api"}


@pytest.mark.parametrize(
    "body",
    [
        openai_event("batch_of_another_program"),
        openai_event("batch_68f0", "response.completed"),
        openai_event("batches/8xkq2"),
        b'{"type": "batch.completed"}',
        b'{"type": "batch.completed", "data": {"id": 7}}',
        b'{"type": ["batch.completed"], "data": {"id": "batch_68f0"}}',
        b'{"type": "batch.completed", "data": ["batch_68f0"]}',
    ],
)
def test_an_event_about_something_else_is_taken_and_changes_nothing(endpoint, body):
    assert endpoint.webhook("openai", body) == (200, {"batches": []})
    assert endpoint.nothing_changed()


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v1,not base64 at all"},
        {"webhook-signature": "no comma"},
        {"webhook-signature": "v2," + "A" * 44},
        {"webhook-id": "msg_2"},
        {"webhook-id": ""},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "yesterday"},
        {"webhook-timestamp": "nan"},
    ],
)
def test_a_forged_event_is_refused_and_changes_nothing(endpoint, changed):
    headers = signed(COMPLETED, OPENAI_SECRET) | changed
    assert endpoint.post("/webhooks/openai", COMPLETED, headers)[0] == 401
    assert endpoint.nothing_changed()


def test_a_signature_of_another_body_or_with_another_secret_is_forged(endpoint):
    headers = signed(COMPLETED, OPENAI_SECRET)
    assert endpoint.post("/webhooks/openai", COMPLETED + b" ", headers)[0] == 401
    assert endpoint.post("/webhooks/openai", b"\xff\xfe", headers)[0] == 401
    assert endpoint.webhook("openai", COMPLETED, GEMINI_SECRET)[0] == 401
    assert endpoint.nothing_changed()


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_event_of_another_time_is_refused_and_changes_nothing(endpoint, minutes):
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    status, said = endpoint.webhook("openai", COMPLETED, at=moment)
    assert status == 400
    assert "five minutes" in said["error"]
    assert endpoint.nothing_changed()


def test_an_event_within_five_minutes_counts(endpoint):
    assert endpoint.webhook("openai", COMPLETED, at=datetime.now(UTC) - timedelta(minutes=4))[0] == 200
    assert endpoint.due() == {"openai"}


def test_one_of_several_signatures_is_enough_while_a_secret_is_changed(endpoint):
    headers = signed(COMPLETED, OPENAI_SECRET)
    headers["webhook-signature"] = f"v1,{'A' * 43}= {headers['webhook-signature']}"
    assert endpoint.post("/webhooks/openai", COMPLETED, headers)[0] == 200


def test_a_signed_event_that_is_no_json_is_refused(endpoint):
    assert endpoint.webhook("openai", b"not json")[0] == 400
    assert endpoint.webhook("openai", b"[]")[0] == 400
    assert endpoint.nothing_changed()


@pytest.mark.parametrize("job", ["batch_68f0", "batches/8xkq2"])
def test_an_event_that_comes_again_when_its_batch_has_arrived_writes_nothing(endpoint, job):
    service, provider, event = {
        "batch_68f0": ("openai", "openai", openai_event),
        "batches/8xkq2": ("gemini", "gemini-api", gemini_event),
    }[job]
    assert endpoint.webhook(service, event(job))[1] == {"batches": [endpoint.running[provider].id]}
    endpoint.arrive(provider)
    before = endpoint.batches()
    assert endpoint.webhook(service, event(job)) == (200, {"batches": []})
    assert endpoint.batches() == before
