"""What `firebase deploy` deploys: gemchain's four stages, and two ways to start a chain."""

import articles
from firebase_functions import https_fn, storage_fn
from firebase_functions.core import CloudEvent

import gemchain
from gemchain.firebase import gemchainAssemble, gemchainCollect, gemchainDispatch, gemchainSweep
from gemchain.firebase.parameters import BUCKET, REGION, SIGNING_KEY

__all__ = ["gemchainAssemble", "gemchainCollect", "gemchainDispatch", "gemchainSweep"]


# Private: Cloud Run lets in only who has the role run.invoker. The emulator lets everybody in.
@https_fn.on_request(region=REGION, invoker="private", secrets=[SIGNING_KEY], timeout_sec=300, memory=512)
def startArticles(request: https_fn.Request) -> https_fn.Response:
    """POST `{"rows": [{"topic": …}]}` starts a chain for each row, once for each topic."""
    chains = gemchain.start_many(articles.outline, request.get_json()["rows"], key="topic")
    return https_fn.Response("\n".join(chain.id for chain in chains), mimetype="text/plain")


@storage_fn.on_object_finalized(bucket=BUCKET, region=REGION, secrets=[SIGNING_KEY], memory=512)
def articleUploaded(event: CloudEvent[storage_fn.StorageObjectData]) -> None:
    """`uploads/TOPIC.txt` starts a chain. The key makes a repeated event find it, and not start another."""
    if event.data.name.startswith("uploads/"):
        topic = event.data.name.removeprefix("uploads/").removesuffix(".txt")
        gemchain.start(articles.outline, topic=topic, key=f"upload-{topic}")
