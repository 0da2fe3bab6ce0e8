"""What the services send, made as they make it."""

import base64
import json
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

OPENAI_SECRET = "whsec_" + base64.b64encode(b"the secret that OpenAI shows once").decode()
GEMINI_SECRET = "whsec_" + base64.b64encode(b"the secret of the Gemini webhook").decode()
SHARED = "a-secret-of-thirty-two-characters"


def signed(body, secret, *, at=None, message="msg_1"):
    """The headers of a delivery, signed by the library of Standard Webhooks."""
    moment = at or datetime.now(UTC)
    text = body.decode() if isinstance(body, bytes) else body
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, moment, text),
        "content-type": "application/json",
    }


def openai_event(job, kind="batch.completed"):
    event = {"object": "event", "id": "evt_1", "type": kind, "created_at": 1764300000, "data": {"id": job}}
    return json.dumps(event).encode()


def gemini_event(job, kind="batch.succeeded"):
    event = {
        "type": kind,
        "version": "v1",
        "timestamp": "2026-11-22T12:00:00Z",
        "data": {"id": job, "output_file_uri": "files/x"},
    }
    return json.dumps(event).encode()


def object_of(bucket, name):
    return {"kind": "storage#object", "bucket": bucket, "name": name, "generation": "1", "size": "10"}


def pubsub_push(bucket, name, kind="OBJECT_FINALIZE"):
    """What a push subscription sends of a bucket's notification."""
    data = base64.b64encode(json.dumps(object_of(bucket, name)).encode()).decode()
    attributes = {
        "notificationConfig": f"projects/_/buckets/{bucket}/notificationConfigs/1",
        "eventType": kind,
        "payloadFormat": "JSON_API_V1",
        "bucketId": bucket,
        "objectId": name,
        "objectGeneration": "1",
    }
    message = {
        "attributes": attributes,
        "data": data,
        "messageId": "1",
        "publishTime": "2026-11-22T12:00:00Z",
    }
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


EVENT = "google.cloud.storage.object.v1.finalized"


def cloud_event(bucket, name, kind=EVENT):
    """What Eventarc sends in one piece."""
    event = {
        "specversion": "1.0",
        "id": "1",
        "type": kind,
        "source": f"//storage.googleapis.com/projects/_/buckets/{bucket}",
        "subject": f"objects/{name}",
        "data": object_of(bucket, name),
    }
    return json.dumps(event).encode()
