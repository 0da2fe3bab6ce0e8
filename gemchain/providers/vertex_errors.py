"""Errors of Vertex AI as the exceptions of the port, each with the command that fixes it.

What a person has to mend (credentials, permissions, an API that is off) is a `ConfigurationError`: the
engine stops with it, nothing is lost, and the next run goes on.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors

from gemchain.errors import ConfigurationError, GemchainError, ProviderRejectedError, ProviderUnavailableError

__all__ = ["Place", "translated"]

_REST_ADDRESS = re.compile(r"^(?:GET|POST|DELETE) \S+: ")
_ANY_BUCKET = re.compile(r"gs://([a-z0-9._-]+)")


class Place(NamedTuple):
    """Where the provider works."""

    project: str
    location: str


@contextmanager
def translated(what: str, place: Place) -> Iterator[None]:
    """Raise the port's errors in place of the library's.

    Args:
        what: What was being done, for the message.
        place: Project and location, for the commands.
    """
    try:
        yield
    except google_errors.GoogleAPICallError as error:
        raise _of_call(what, place, error) from error
    except auth_errors.TransportError as error:
        raise ProviderUnavailableError(f"Vertex AI cannot be reached to {what}: {error}") from error
    except auth_errors.GoogleAuthError as error:
        raise no_credentials(error) from error
    except (google_errors.RetryError, OSError) as error:
        raise ProviderUnavailableError(f"Vertex AI cannot be reached to {what}: {error}") from error


def no_credentials(error: Exception) -> ConfigurationError:
    """The error of a machine without credentials."""
    return ConfigurationError(
        f"no usable Google credentials: {error}; log in with: gcloud auth application-default login"
    )


def _of_call(what: str, place: Place, error: google_errors.GoogleAPICallError) -> GemchainError:
    said = _REST_ADDRESS.sub("", str(error.message or error))
    verb = "refuses to" if isinstance(error, google_errors.ClientError) else "could not"
    words = f"Vertex AI {verb} {what}: {said}"
    text = str(error)
    for kinds, signs, kind, mend in _MENDING:
        if isinstance(error, kinds) and (not signs or any(sign in text for sign in signs)):
            return kind(f"{words}; {mend.format(bucket=_bucket(text), **place._asdict())}")
    if isinstance(error, google_errors.ServerError | google_errors.TooManyRequests):
        return ProviderUnavailableError(words)
    return ProviderRejectedError(words)


def _bucket(text: str) -> str:
    found = _ANY_BUCKET.search(text)
    return found.group(1) if found else "BUCKET"


_ENABLE = "enable the API with: gcloud services enable aiplatform.googleapis.com --project {project}"
_BILLING = "link a billing account with: gcloud billing projects link {project} --billing-account ACCOUNT"
_PROJECT = (
    "project {project!r} may be misspelt, see: gcloud projects list; "
    "set the right one in GOOGLE_CLOUD_PROJECT or the setting 'project'"
)
_BUCKET_ACCESS = (
    "give Vertex AI's service agent access with: gcloud storage buckets add-iam-policy-binding "
    "gs://{bucket} --member=serviceAccount:service-$(gcloud projects describe {project} "
    "--format='value(projectNumber)')@gcp-sa-aiplatform.iam.gserviceaccount.com "
    "--role=roles/storage.objectUser"
)
_PERMISSION = (
    "give the account the role with: gcloud projects add-iam-policy-binding "
    "{project} --member=user:YOU@EXAMPLE.COM --role=roles/aiplatform.user"
)
_LOGIN = "log in again with: gcloud auth application-default login"
_MODEL = (
    "the model may be retired or not served in {location!r}: choose another model, or set "
    "another 'location', such as 'global'"
)
_MISSING_JOB = (
    "the jobs of {project!r}, by location (this one is {location!r}), are at "
    "https://console.cloud.google.com/vertex-ai/batch-predictions?project={project}"
)
_REGION = (
    "the bucket must lie where the job runs, in {location!r}; see where it lies with: "
    "gcloud storage buckets describe gs://{bucket} --format='value(location)', "
    "and set 'location' to that, or to 'global'"
)
_MAKE_BUCKET = (
    "make the bucket with: gcloud storage buckets create gs://{bucket} "
    "--project {project}, or set 'blobs' to one that exists"
)
_QUOTA = (
    "it is tried again; see and raise the quota at https://console.cloud.google.com/iam-admin/quotas"
    "?service=aiplatform.googleapis.com&project={project}"
)

_Rule = tuple[tuple[type[Exception], ...], tuple[str, ...], type[GemchainError], str]

# The first rule whose kinds and signs fit decides.
_MENDING: tuple[_Rule, ...] = (
    (
        (google_errors.Forbidden,),
        ("SERVICE_DISABLED", "has not been used in project", "is disabled", "accessNotConfigured"),
        ConfigurationError,
        _ENABLE,
    ),
    ((google_errors.Forbidden,), ("BILLING_DISABLED", "requires billing"), ConfigurationError, _BILLING),
    (
        (google_errors.Forbidden, google_errors.NotFound, google_errors.BadRequest),
        ("CONSUMER_INVALID", "USER_PROJECT_DENIED", "Invalid resource field value", "project was not found"),
        ConfigurationError,
        _PROJECT,
    ),
    ((google_errors.Forbidden,), ("gs://", "storage."), ConfigurationError, _BUCKET_ACCESS),
    ((google_errors.Forbidden,), (), ConfigurationError, _PERMISSION),
    ((google_errors.Unauthorized,), (), ConfigurationError, _LOGIN),
    ((google_errors.NotFound,), ("Publisher Model", "publishers/"), ProviderRejectedError, _MODEL),
    (
        (google_errors.BadRequest,),
        ("same region", "same location", "bucket location", "bucket is in", "different region"),
        ProviderRejectedError,
        _REGION,
    ),
    (
        (google_errors.BadRequest, google_errors.NotFound),
        ("bucket does not exist",),
        ProviderRejectedError,
        _MAKE_BUCKET,
    ),
    ((google_errors.NotFound,), (), ProviderRejectedError, _MISSING_JOB),
    ((google_errors.TooManyRequests,), (), ProviderUnavailableError, _QUOTA),
)
