"""The functions that `firebase deploy` deploys: gemchain's four stages, and two ways to start a chain."""

import articles
from firebase_functions import https_fn, storage_fn
from firebase_functions.core import CloudEvent

import gemchain
from gemchain.firebase import gemchainAssemble, gemchainCollect, gemchainDispatch, gemchainSweep
from gemchain.firebase.callers import with_the_key
from gemchain.firebase.parameters import BUCKET, REGION, SIGNING_KEY, START_KEY

__all__ = ["gemchainAssemble", "gemchainCollect", "gemchainDispatch", "gemchainSweep"]


KEYS = [SIGNING_KEY, START_KEY]


# Private: the caller needs the role run.invoker for Cloud Run, and the key for `with_the_key`.
@https_fn.on_request(region=REGION, invoker="private", secrets=KEYS, timeout_sec=300, memory=512)
@with_the_key
def startArticles(request: https_fn.Request) -> https_fn.Response:
    """POST `{"rows": [{"topic": …}]}` starts a chain for each row, once for each topic."""
    chains = gemchain.start_many(articles.outline, request.get_json()["rows"], key="topic")
    return https_fn.Response("".join(f"{chain.id}\n" for chain in chains), mimetype="text/plain")


@storage_fn.on_object_finalized(bucket=BUCKET, region=REGION, secrets=[SIGNING_KEY], memory=512)
def articleUploaded(event: CloudEvent[storage_fn.StorageObjectData]) -> None:
    """A text in `uploads/` is a topic. With the key, a repeated event starts no second chain."""
    if event.data.name.startswith("uploads/"):
        from gemchain.blobs.gcs import GcsBlobs  # here, so that the other functions do not load it

        # From our own bucket, whatever the event says: only those who can write there may start a chain.
        uploads = GcsBlobs(BUCKET.value, "uploads")
        topic = uploads.read(f"gs://{BUCKET.value}/{event.data.name}").decode()
        gemchain.start(articles.outline, topic=topic, key=event.data.name)
