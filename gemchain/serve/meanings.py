"""What each kind of notification says, in its sender's own form, and which batches it is about.

A notification about something else is no error: webhooks of a project tell of other programs' jobs, too.
"""

import base64
from typing import Any

from gemchain.providers.output_files import batch_of_output, output_folder
from gemchain.records import Batch
from gemchain.runtime import Runtime
from gemchain.serve import finding
from gemchain.serve.exchange import Call, RefusedError, json_object

__all__ = ["of_anybody", "of_gemini", "of_openai", "of_storage"]

OPENAI_EVENTS = frozenset({"batch.completed", "batch.failed", "batch.expired", "batch.cancelled"})
GEMINI_EVENTS = frozenset({"batch.succeeded", "batch.failed", "batch.expired", "batch.cancelled"})

FINALIZED = "OBJECT_FINALIZE"
FINALIZED_EVENT = "google.cloud.storage.object.v1.finalized"


def of_openai(runtime: Runtime, call: Call) -> list[Batch]:
    """An event of OpenAI: `{"type": "batch.completed", "data": {"id": "batch_…"}}`.

    https://developers.openai.com/api/docs/guides/webhooks
    """
    job = _job_of_event(call.json(), OPENAI_EVENTS)
    return finding.with_job(runtime, job, "openai") if job else []


def of_gemini(runtime: Runtime, call: Call) -> list[Batch]:
    """An event of the Gemini API: `{"type": "batch.succeeded", "data": {"id": "…"}}`.

    https://ai.google.dev/gemini-api/docs/webhooks

    The documentation shows an id of another form than the names of jobs. So an id that no batch is known by
    means every open batch of the Gemini API: each is asked about once.
    """
    job = _job_of_event(call.json(), GEMINI_EVENTS)
    if not job:
        return []
    found = finding.with_job(runtime, job, "gemini-api")
    if found or finding.is_known_job(runtime, job, "gemini-api"):
        return found
    return finding.open_batches(runtime, "gemini-api")


def _job_of_event(event: dict[str, Any], known: frozenset[str]) -> str:
    data = event.get("data")
    job, kind = data.get("id") if isinstance(data, dict) else None, event.get("type")
    return job if isinstance(job, str) and isinstance(kind, str) and kind in known else ""


def of_anybody(runtime: Runtime, call: Call) -> list[Batch]:
    """`{"batch": ID}`, `{"job": NAME}`, or nothing, which means every open batch.

    Raises:
        RefusedError: It says something else, which may be a mistake.
    """
    said = call.json()
    if not said:
        return finding.open_batches(runtime)
    (name, value), *more = said.items()
    if more or name not in ("batch", "job") or not isinstance(value, str) or not value:
        raise RefusedError(400, 'say {"batch": "ID"} or {"job": "NAME"}, or send no body for all batches')
    return finding.named(runtime, value) if name == "batch" else finding.with_job(runtime, value)


def of_storage(runtime: Runtime, call: Call) -> list[Batch]:
    """An object that was written: by Pub/Sub's push, or as a CloudEvent of Eventarc.

    https://cloud.google.com/storage/docs/pubsub-notifications
    https://cloud.google.com/eventarc/standard/docs/workflows/cloudevents
    """
    bucket, name = _written_object(call)
    batch_id = batch_of_output(name)
    if batch_id is None or not _is_ours(runtime, batch_id, bucket, name):
        return []
    return finding.named(runtime, batch_id)


def _is_ours(runtime: Runtime, batch_id: str, bucket: str, name: str) -> bool:
    folder = runtime.blobs.uri(output_folder(batch_id))
    return f"gs://{bucket}/{name}".startswith(f"{folder}/")


def _written_object(call: Call) -> tuple[str, str]:
    """Bucket and name of the object that was finalized; empty when the notification is about something else.

    Raises:
        RefusedError: It is no notification.
    """
    said = call.json()
    if isinstance(message := said.get("message"), dict):
        return _of_message(message)
    if "ce-type" in call.headers:  # a CloudEvent whose attributes are headers
        return _of_event(call.headers["ce-type"], said)
    if "specversion" in said:  # a CloudEvent in one piece
        return _of_event(said.get("type"), said.get("data"))
    raise RefusedError(400, "this is neither a message of Pub/Sub nor a CloudEvent")


def _of_message(message: dict[str, Any]) -> tuple[str, str]:
    attributes = message.get("attributes")
    if not isinstance(attributes, dict):
        raise RefusedError(400, "the message has no attributes; does the topic belong to a bucket?")
    if attributes.get("eventType") == FINALIZED:
        return str(attributes.get("bucketId", "")), str(attributes.get("objectId", ""))
    if attributes.get("ce-type") == FINALIZED_EVENT:  # Eventarc's own subscription
        return _of_event(FINALIZED_EVENT, json_object(_decoded(message.get("data"))))
    return "", ""


def _of_event(kind: object, data: object) -> tuple[str, str]:
    if kind != FINALIZED_EVENT or not isinstance(data, dict):
        return "", ""
    return str(data.get("bucket", "")), str(data.get("name", ""))


def _decoded(data: object) -> bytes:
    try:
        return base64.b64decode(str(data), validate=True)
    except ValueError as error:
        raise RefusedError(400, "the message's data is no base64") from error
