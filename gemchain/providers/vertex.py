"""Gemini on Vertex AI: the `Provider` port for `gemini-…` models.

Single requests are sent by `providers/direct`. Batch prediction jobs:
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/capabilities/batch-prediction-from-cloud-storage

Crash story. A job bears its batch's name as display name and its batch's id as a label, so the next process
after a crash around `create` finds it and adopts it. Each create writes below a folder of its own, so two
jobs of one batch, should it ever come to that, never mix their rows.
"""

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gemchain.errors import (
    BlobNotFoundError,
    ConfigurationError,
    MissingExtraError,
    ModelError,
    ProviderRejectedError,
)
from gemchain.formats.files import Uploads
from gemchain.ports import Blobs, Capabilities, DirectRun, FileContent, Job, JobState, Limits
from gemchain.providers.direct import Auth, DirectLane, Endpoint, FixedHeaders
from gemchain.providers.direct.endpoints import vertex
from gemchain.providers.gemini_batches import BY_HAND, GeminiBatches
from gemchain.providers.jobs import first_going
from gemchain.providers.output_files import is_output, output_folder
from gemchain.providers.vertex_direct import GoogleAuth, capabilities_of, model_path
from gemchain.providers.vertex_places import environment_project, host_of, job_model, parent_of
from gemchain.records import Batch, Failure, OutputFile
from gemchain.records.identity import job_name

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud.aiplatform_v1 import BatchPredictionJob, JobServiceClient

    from gemchain.providers.vertex_errors import Place

__all__ = ["LIMITS", "VertexProvider", "host_of"]

LIMITS = Limits(max_requests=200_000, max_bytes=1_000_000_000, max_request_bytes=20_000_000)
"""https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/capabilities/batch-inference"""

LISTING_LAG = 60.0
"""Lists of jobs are not promised to be consistent; nothing is published on how far they lag behind."""

BATCH_LABEL = "gemchain_batch"
TIMEOUT = 60.0
"""Seconds for one call."""

# Neither SDK's own set of states that are over is complete: these are all of them.
OVER = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED"})
_WHY = {
    "EXPIRED": "the job expired before it had answered everything",
    "CANCELLED": "the job was cancelled",
    "PARTIALLY_SUCCEEDED": "the job succeeded in part",
    "FAILED": "the job failed",
}


class VertexProvider(GeminiBatches):
    """Batch prediction jobs of one project and location.

    Nothing is opened before the first call.

    Args:
        blobs: Where the input files are; on Cloud Storage, since Vertex reads and writes nowhere else.
        project: Google Cloud project; the environment's or the credentials' own when empty.
        location: `global`, a multi-region (`us`, `eu`) or a region.
        endpoint: Address of a stand-in, as `http://127.0.0.1:8890`; empty for Vertex AI itself.
        concurrency: Single requests that are on their way at the same time, at most.

    Raises:
        ConfigurationError: The files are not on Cloud Storage.
    """

    name = "vertex"
    limits = LIMITS
    listing_lag = LISTING_LAG

    def __init__(
        self,
        blobs: Blobs,
        *,
        project: str = "",
        location: str = "global",
        endpoint: str = "",
        concurrency: int = 64,
    ) -> None:
        if not blobs.uri("x").startswith("gs://"):
            raise ConfigurationError(
                f"Vertex AI reads its input from Cloud Storage, not from {blobs.uri('x')[:-1]!r}: set "
                "'blobs' (GEMCHAIN_BLOBS) to gs://BUCKET/PREFIX; make a bucket with: "
                "gcloud storage buckets create gs://BUCKET"
            )
        self._blobs = blobs
        self._uploads = Uploads(blobs, BY_HAND)
        self._project = project
        self._location = location
        self._endpoint = endpoint
        self._concurrency = concurrency
        self._client: JobServiceClient | None = None
        self._auth: Auth | None = None
        self._lane = DirectLane(self._endpoint_of)

    def capabilities(self, model: str) -> Capabilities:
        """Flex only where the service has it; see `Provider.capabilities`."""
        return capabilities_of(model, self._location)

    def start(self, batch: Batch) -> DirectRun:
        """Single requests of this batch; see `Provider.start`."""
        return self._lane.start(batch)

    def check(self, model: str, request: dict[str, Any]) -> None:
        """Refuse what Vertex would refuse; see `Provider.check`."""
        if not model.rpartition("/")[2]:
            raise ModelError(f"{model!r} names no model of Vertex AI; write it as 'gemini-3.5-flash-lite'")
        super().check(model, request)

    def attach(self, path: Path) -> FileContent:
        """Where the file was uploaded to; see `Provider.attach`."""
        return self._uploads.content(path)

    def find(self, batch: Batch) -> Job | None:
        """The first job under this batch's name that has not failed; see `Provider.find`."""
        from gemchain.providers.vertex_errors import translated

        client, place = self._opened()
        parent, display = parent_of(place.project, place.location), job_name(batch.id)
        with translated(f"list the jobs named {display!r}", place):
            listed = client.list_batch_prediction_jobs(
                request={"parent": parent, "filter": f'display_name="{display}"'}, timeout=TIMEOUT
            )
            ours = [each for each in listed if self._is_of(each, batch)]
        return first_going(map(self._report, sorted(ours, key=lambda each: each.create_time)))

    def create(self, batch: Batch) -> Job:
        """A new job, whether or not one of this name exists; see `Provider.create`."""
        from google.cloud.aiplatform_v1 import BatchPredictionJob

        from gemchain.providers.vertex_errors import translated

        if not str(batch.input_uri).startswith(f"{self._blobs.uri(f'batches/{batch.id}')}/"):
            # Vertex reads with rights of its own: a record must not make it read another owner's files.
            raise ProviderRejectedError(f"input {batch.input_uri!r} is not one of this batch, {batch.id!r}")
        client, place = self._opened()
        folder = self._blobs.uri(f"{output_folder(batch.id)}/{secrets.token_hex(4)}")
        job = BatchPredictionJob(
            display_name=job_name(batch.id),
            model=job_model(batch.model),
            input_config={"instances_format": "jsonl", "gcs_source": {"uris": [batch.input_uri]}},
            output_config={
                "predictions_format": "jsonl",
                "gcs_destination": {"output_uri_prefix": folder},
            },
            labels={BATCH_LABEL: batch.id},
        )
        with translated(f"create the job of batch {batch.id!r} for model {batch.model!r}", place):
            made = client.create_batch_prediction_job(
                parent=parent_of(place.project, place.location), batch_prediction_job=job, timeout=TIMEOUT
            )
        # Whether it is over already, `poll` tells: from here on no error may say that there is no job.
        return Job(made.name, JobState.RUNNING)

    def poll(self, batch: Batch) -> Job:
        """The job as it stands; see `Provider.poll`."""
        from gemchain.providers.vertex_errors import translated

        client, place = self._opened()
        with translated(f"show job {batch.job!r}", place):
            found = client.get_batch_prediction_job(name=batch.job, timeout=TIMEOUT)
        return self._report(found)

    def cancel(self, batch: Batch) -> None:
        """Ask for the job's end; a job that is over stays as it is. See `Provider.cancel`."""
        from google.api_core.exceptions import FailedPrecondition

        from gemchain.providers.vertex_errors import translated

        client, place = self._opened()
        try:
            with translated(f"cancel job {batch.job!r}", place):
                client.cancel_batch_prediction_job(name=batch.job, timeout=TIMEOUT)
        except ProviderRejectedError as error:
            # Over REST the same refusal arrives as a plain 400.
            if not isinstance(error.__cause__, FailedPrecondition) and "in state" not in str(error):
                raise

    def close(self) -> None:
        """Let go of connections; the next call opens new ones."""
        if self._client is not None:
            self._client.transport.close()  # type: ignore[no-untyped-call]
            self._client = None

    def _endpoint_of(self, batch: Batch) -> Endpoint:
        if self._auth is None:
            self._auth = FixedHeaders({}) if self._endpoint else GoogleAuth(self._credentials())
        self._project = self._project or environment_project() or "emulated"
        path = model_path(batch.model, self._project, self._location)
        host = self._endpoint or f"https://{host_of(self._location)}"
        return vertex(batch, path, host, self._auth, concurrency=self._concurrency)

    def _opened(self) -> tuple["JobServiceClient", "Place"]:
        try:
            from google.cloud.aiplatform_v1 import JobServiceClient

            from gemchain.providers.vertex_errors import Place
        except ImportError as error:
            raise MissingExtraError("Vertex AI", "gemini") from error
        if self._client is None:
            self._client = (
                self._emulated(JobServiceClient) if self._endpoint else self._real(JobServiceClient)
            )
        return self._client, Place(self._project, self._location)

    def _emulated(self, kind: type["JobServiceClient"]) -> "JobServiceClient":
        from google.auth.credentials import AnonymousCredentials

        self._project = self._project or environment_project() or "emulated"
        return kind(
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            transport="rest",
            client_options={"api_endpoint": self._endpoint},
        )

    def _real(self, kind: type["JobServiceClient"]) -> "JobServiceClient":
        credentials = self._credentials()
        return kind(credentials=credentials, client_options={"api_endpoint": host_of(self._location)})

    def _credentials(self) -> "Credentials":
        """The credentials of this machine; the project is known after."""
        try:
            import google.auth

            from gemchain.providers.vertex_errors import no_credentials
        except ImportError as error:
            raise MissingExtraError("Vertex AI", "gemini") from error
        try:
            credentials, own = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        except google.auth.exceptions.GoogleAuthError as error:
            raise no_credentials(error) from error
        self._project = self._project or environment_project() or own or ""
        if not self._project:
            raise ConfigurationError(
                "Vertex AI needs a Google Cloud project: set GOOGLE_CLOUD_PROJECT or the setting 'project'; "
                "see yours with: gcloud projects list"
            )
        found: Credentials = credentials
        return found

    def _is_of(self, job: "BatchPredictionJob", batch: Batch) -> bool:
        return bool(job.display_name == job_name(batch.id) and job.labels.get(BATCH_LABEL) == batch.id)

    def _report(self, job: "BatchPredictionJob") -> Job:
        """The job as the port has it. Rows that were finished are delivered, however the job ended."""
        word = getattr(job.state, "name", f"JOB_STATE_{job.state}")  # a state of tomorrow is a mere number
        state = word.removeprefix("JOB_STATE_")
        if state not in OVER:
            return Job(job.name, JobState.RUNNING, detail=word)
        failure = self._failure(job, state)
        output = self._output(job)
        if output:
            return Job(job.name, JobState.LANDED, output, failure, word)
        lost = Failure("job", f"the job ended as {word} without any output", retryable=True)
        return Job(job.name, JobState.FAILED, failure=failure or lost, detail=word)

    def _failure(self, job: "BatchPredictionJob", state: str) -> Failure | None:
        if state == "SUCCEEDED":
            return None
        why = [_WHY[state], job.error.message if job.error else ""]
        why += [each.message for each in job.partial_failures]
        # A missing file or a permission stays missing however often the prompts are sent.
        final = job.error is not None and job.error.code in _FINAL_CODES
        return Failure("job", ": ".join(filter(None, why)), retryable=not final)

    def _output(self, job: "BatchPredictionJob") -> tuple[OutputFile, ...]:
        """The final output's files: in the job's own directory, or anywhere below the folder it was given."""
        directory = job.output_info.gcs_output_directory if job.output_info else ""
        prefix = job.output_config.gcs_destination.output_uri_prefix
        for place in filter(None, (directory, prefix)):
            try:
                files = _files(self._blobs.list(place.rstrip("/") + "/"))
            except BlobNotFoundError as error:
                raise ConfigurationError(
                    f"the output of job {job.name!r} cannot be read, since {error}; set 'blobs' "
                    "(GEMCHAIN_BLOBS) to what it was when the job was sent"
                ) from error
            if files:
                return files
        return ()


_FINAL_CODES = frozenset({3, 5, 7, 9, 16})
"""google.rpc.Code: INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION, UNAUTHENTICATED."""


def _files(infos: Iterable[tuple[str, int, int]]) -> tuple[OutputFile, ...]:
    return tuple(OutputFile(*info) for info in infos if is_output(info[0]))
