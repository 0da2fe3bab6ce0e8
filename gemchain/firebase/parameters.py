"""Parameters of a deployment: Firebase params, with their values in the `.env` of the functions' folder.

Settings that do not change the deployment itself (`GEMCHAIN_MAX_WAIT`, …, see `gemchain.settings`) are plain
environment variables in the same `.env`.
"""

from gemchain.errors import MissingExtraError

try:
    from firebase_functions import params
except ImportError as error:
    raise MissingExtraError("gemchain on Firebase", "firebase") from error

__all__ = [
    "BUCKET",
    "EVENT_SECONDS",
    "MAX_DISPATCHES",
    "MEMORY",
    "PART_SECONDS",
    "PREFIX",
    "PROJECT",
    "REGION",
    "RETRY_SECONDS",
    "SCHEDULE_SECONDS",
    "SIGNING_KEY",
    "START_KEY",
]

PROJECT = params.PROJECT_ID
REGION = params.StringParam(
    "GEMCHAIN_REGION",
    default="us-central1",
    label="Region of gemchain's functions",
    description="A storage trigger runs in its bucket's region, or in us-central1.",
)
BUCKET = params.StringParam(
    "GEMCHAIN_BUCKET",
    default=params.STORAGE_BUCKET,
    label="Bucket of gemchain's files",
    description="Inputs and outputs of batches; without gs://.",
    input=params.ResourceInput(params.ResourceType.STORAGE_BUCKET),
)
PREFIX = params.StringParam(
    "GEMCHAIN_PREFIX", default="gemchain", label="Folder of gemchain's files within the bucket"
)
MEMORY = params.IntParam("GEMCHAIN_MEMORY", default=1024, label="Memory of each stage, in MiB")
MAX_DISPATCHES = params.IntParam(
    "GEMCHAIN_MAX_DISPATCHES", default=20, label="Parts dispatched at the same time"
)
PART_SECONDS = params.IntParam(
    "GEMCHAIN_PART_SECONDS", default=1800, label="Longest time for one part, in seconds; 1800 at most"
)
SCHEDULE_SECONDS = params.IntParam(
    "GEMCHAIN_SCHEDULE_SECONDS", default=1800, label="Longest time for assemble and sweep; 1800 at most"
)
EVENT_SECONDS = params.IntParam(
    "GEMCHAIN_EVENT_SECONDS", default=300, label="Longest time for collect; 540 at most"
)
RETRY_SECONDS = params.IntParam(
    "GEMCHAIN_RETRY_SECONDS", default=30, label="Rest before a part is tried again, in seconds"
)
SIGNING_KEY = params.SecretParam("GEMCHAIN_SIGNING_KEY", label="Key that signs what must not be forged")
START_KEY = params.SecretParam("GEMCHAIN_START_KEY", label="Key that callers send to start chains over HTTP")
