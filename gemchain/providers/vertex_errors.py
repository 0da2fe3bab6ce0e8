"""Errors of Vertex AI in the words of the port, each with the command that mends it.

What a person has to mend (credentials, permissions, an API that is off) is a `ConfigurationError`: the
engine stops with it, nothing is lost, and the next run goes on.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors

from gemchain.errors import ConfigurationError, GemchainError, ProviderRejectedError, ProviderUnavailableError

__all__ = ["Place", "translated"]

_REST_ADDRESS = re.compile(r"^(?:GET|POST|DELETE) \S+: ")
_BUCKET = re.compile(r"gs://([a-z0-9._-]+)")


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
    """The error of a machine that nobody has logged in."""
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
            return kind(f"{words}; {mend(place, text)}")
    if isinstance(error, google_errors.ServerError | google_errors.TooManyRequests):
        return ProviderUnavailableError(words)
    return ProviderRejectedError(words)


def _enable(place: Place, _: str) -> str:
    return f"enable the API with: gcloud services enable aiplatform.googleapis.com --project {place.project}"


def _billing(place: Place, _: str) -> str:
    return (
        f"link a billing account with: gcloud billing projects link {place.project} --billing-account ACCOUNT"
    )


def _project(place: Place, _: str) -> str:
    return (
        f"project {place.project!r} may be misspelt, see: gcloud projects list; "
        "set the right one in GOOGLE_CLOUD_PROJECT or the setting 'project'"
    )


def _bucket_access(place: Place, text: str) -> str:
    return (
        "give Vertex AI's service agent access with: gcloud storage buckets add-iam-policy-binding "
        f"gs://{_bucket(text)} --member=serviceAccount:service-$(gcloud projects describe {place.project} "
        "--format='value(projectNumber)')@gcp-sa-aiplatform.iam.gserviceaccount.com "
        "--role=roles/storage.objectUser"
    )


def _permission(place: Place, _: str) -> str:
    return (
        "give the account the role with: gcloud projects add-iam-policy-binding "
        f"{place.project} --member=user:YOU@EXAMPLE.COM --role=roles/aiplatform.user"
    )


def _login(_: Place, __: str) -> str:
    return "log in again with: gcloud auth application-default login"


def _model(place: Place, _: str) -> str:
    return (
        f"the model may be retired or not served in {place.location!r}: choose another model, or set "
        "another 'location', such as 'global'"
    )


def _missing_job(place: Place, _: str) -> str:
    return (
        f"the jobs of {place.project!r}, by location (this one is {place.location!r}), are at "
        f"https://console.cloud.google.com/vertex-ai/batch-predictions?project={place.project}"
    )


def _region(place: Place, text: str) -> str:
    return (
        f"the bucket must lie where the job runs, in {place.location!r}; see where it lies with: "
        f"gcloud storage buckets describe gs://{_bucket(text)} --format='value(location)', "
        "and set 'location' to that, or to 'global'"
    )


def _make_bucket(place: Place, text: str) -> str:
    return (
        f"make the bucket with: gcloud storage buckets create gs://{_bucket(text)} "
        f"--project {place.project}, or set 'blobs' to one that exists"
    )


def _quota(place: Place, _: str) -> str:
    return (
        "it is tried again; see and raise the quota at https://console.cloud.google.com/iam-admin/quotas"
        f"?service=aiplatform.googleapis.com&project={place.project}"
    )


def _bucket(text: str) -> str:
    found = _BUCKET.search(text)
    return found.group(1) if found else "BUCKET"


_Mend = Callable[[Place, str], str]
_Rule = tuple[tuple[type[Exception], ...], tuple[str, ...], type[GemchainError], _Mend]

# The first rule whose kinds and signs fit decides.
_MENDING: tuple[_Rule, ...] = (
    (
        (google_errors.Forbidden,),
        ("SERVICE_DISABLED", "has not been used in project", "is disabled", "accessNotConfigured"),
        ConfigurationError,
        _enable,
    ),
    ((google_errors.Forbidden,), ("BILLING_DISABLED", "requires billing"), ConfigurationError, _billing),
    (
        (google_errors.Forbidden, google_errors.NotFound, google_errors.BadRequest),
        ("CONSUMER_INVALID", "USER_PROJECT_DENIED", "Invalid resource field value", "project was not found"),
        ConfigurationError,
        _project,
    ),
    ((google_errors.Forbidden,), ("gs://", "storage."), ConfigurationError, _bucket_access),
    ((google_errors.Forbidden,), (), ConfigurationError, _permission),
    ((google_errors.Unauthorized,), (), ConfigurationError, _login),
    ((google_errors.NotFound,), ("Publisher Model", "publishers/"), ProviderRejectedError, _model),
    (
        (google_errors.BadRequest,),
        ("same region", "same location", "bucket location", "bucket is in", "different region"),
        ProviderRejectedError,
        _region,
    ),
    (
        (google_errors.BadRequest, google_errors.NotFound),
        ("bucket does not exist",),
        ProviderRejectedError,
        _make_bucket,
    ),
    ((google_errors.NotFound,), (), ProviderRejectedError, _missing_job),
    ((google_errors.TooManyRequests,), (), ProviderUnavailableError, _quota),
)
