"""Whatever is sent to the routes of `gemchain serve` gets an answer, and changes no more than it may."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gemchain.engine.stages.collect import collect
from gemchain.serve.keys import Keys
from gemchain.serve.routes import Pushes
from gemchain.testing import VirtualClock
from tests.serve.senders import GEMINI_SECRET, OPENAI_SECRET, SHARED, signed
from tests.support.stand import standing

EVENT = "google.cloud.storage.object.v1.finalized"
FIELDS = ("type", "data", "id", "message", "attributes", "eventType", "bucketId", "objectId", "ce-type")
FIELDS += ("specversion", "bucket", "name", "batch", "job")
VALUES = ("batch.completed", "batch.succeeded", "OBJECT_FINALIZE", EVENT, "../b0", "__x__")
VALUES += ("gemchain/batches/b0/output/predictions.jsonl",)
WORDS = (*FIELDS, *VALUES)
PATHS = (
    "/webhooks/openai",
    "/webhooks/gemini",
    "/notifications/storage",
    "/batch_processing_done",
    "/",
    "//[",
)

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(WORDS)
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS) | st.text(), inner)
)
bodies = st.binary() | values.map(lambda value: json.dumps(value).encode())
headers = st.dictionaries(
    st.sampled_from(["Authorization", "X-Gemchain-Secret", "Ce-Type", "webhook-signature", "webhook-id"]),
    st.text() | st.sampled_from([*WORDS, f"Bearer {SHARED}", SHARED]),
)


@given(path=st.sampled_from(PATHS) | st.text(), body=bodies, extra=headers)
def test_nothing_that_a_stranger_sends_breaks_a_route(tmp_path_factory, path, body, extra):
    with standing(tmp_path_factory.mktemp("files"), VirtualClock()) as stand:
        pushes = Pushes(stand.runtime, Keys(OPENAI_SECRET, GEMINI_SECRET, SHARED))
        assert pushes.handle("POST", path, extra, body).status in {200, 400, 401, 404, 405}


@given(path=st.sampled_from(PATHS[:4]), body=bodies, kind=st.sampled_from(WORDS) | st.none())
def test_what_the_right_sender_sends_moves_a_time_at_most(tmp_path_factory, path, body, kind):
    with standing(tmp_path_factory.mktemp("files"), VirtualClock(), poll=3600, poll_max=3600) as stand:
        stand.submit("a")
        batch = stand.sent()
        collect(stand.runtime)
        before = stand.batch(batch)
        secret = GEMINI_SECRET if "gemini" in path else OPENAI_SECRET
        text = body.decode(errors="replace").encode()
        extra = {"Authorization": f"Bearer {SHARED}", **signed(text, secret)}
        extra |= {"Ce-Type": kind} if kind else {}
        pushes = Pushes(stand.runtime, Keys(OPENAI_SECRET, GEMINI_SECRET, SHARED))
        assert pushes.handle("POST", path, extra, text).status in {200, 400}
        after = stand.batch(batch)
        assert after in (before, replace(before, poll_at=after.poll_at, version=after.version))
