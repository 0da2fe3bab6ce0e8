"""Errors of Cloud Storage, explained, with the command that fixes each."""

import contextlib
import http.client
from collections.abc import Iterator

import urllib3.exceptions
from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError, PreconditionFailed
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from gemchain.errors import BlobError, BlobNotFoundError

__all__ = ["no_bucket", "refusals", "translated"]

LOGIN = "gcloud auth application-default login"

# OSError holds every error of the `requests` package.
_ERRORS = (
    GoogleAPIError,
    GoogleAuthError,
    InvalidResponse,
    DataCorruption,
    OSError,
    http.client.HTTPException,
    urllib3.exceptions.HTTPError,
)


@contextlib.contextmanager
def refusals(address: str) -> Iterator[None]:
    """Translate what goes wrong with an object or a bucket; a failed precondition is left to the caller.

    Raises:
        BlobNotFoundError: The service answers that it is not there.
        BlobError: Anything else; says what to do about it.
    """
    try:
        yield
    except PreconditionFailed:
        raise
    except _ERRORS as error:
        raise translated(error, address) from error


def translated(error: BaseException, address: str) -> BlobError:
    """The error to raise in place of one of the SDK, or of the network below it."""
    if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
        return BlobError(f"no valid credentials for {address!r}: run `{LOGIN}` ({error})")
    match _status(error):
        case 404:
            return BlobNotFoundError(f"{address!r} is not there, or not in the generation asked for")
        case 401:
            return BlobError(f"the credentials for {address!r} are not valid any more: run `{LOGIN}`")
        case 403:
            return BlobError(_forbidden(error, address))
        case None | 408 | 429 | 500 | 502 | 503 | 504:
            return BlobError(
                f"Cloud Storage cannot be reached or is overloaded, and {address!r} was tried for a while; "
                f"the same call may work later ({error})"
            )
        case status:
            return BlobError(f"Cloud Storage refuses {address!r} with status {status}: {error}")


def no_bucket(bucket: str) -> BlobError:
    """The error for a bucket that does not exist."""
    return BlobError(
        f"there is no bucket {bucket!r}: make it with "
        f"`gcloud storage buckets create gs://{bucket} --location=LOCATION`, or name another"
    )


def _forbidden(error: BaseException, address: str) -> str:
    bucket = address.removeprefix("gs://").partition("/")[0]
    return (
        f"no permission for {address!r}: allow it with `gcloud storage buckets add-iam-policy-binding "
        f"gs://{bucket} --member=MEMBER --role=roles/storage.objectUser`, MEMBER being the account that "
        f"runs this, as user:NAME or serviceAccount:NAME ({error})"
    )


def _status(error: BaseException) -> int | None:
    """The HTTP status that the service answered; None when no answer came."""
    if isinstance(error, InvalidResponse):
        return int(error.response.status_code)
    if isinstance(error, GoogleAPICallError) and error.code is not None:
        return int(error.code)
    return None
