"""What Firestore's errors mean, and what to do about each.

Statuses: https://docs.cloud.google.com/firestore/docs/understand-error-codes
"""

from collections.abc import Callable
from typing import NamedTuple

from gemchain.errors import (
    MissingExtraError,
    StoreError,
    StoreFullError,
    StoreRefusedError,
    StoreUnavailableError,
)

try:
    from google.api_core import exceptions as api
    from google.auth import exceptions as auth
except ImportError as error:
    raise MissingExtraError("Firestore", "firebase") from error

__all__ = ["CONTENDED", "FAILURES", "PRECONDITIONS", "TRANSIENT", "Place", "translated"]

FAILURES = (api.GoogleAPIError, auth.GoogleAuthError)
"""Everything that a call can raise."""

TRANSIENT = (
    api.Aborted,
    api.Cancelled,
    api.DeadlineExceeded,
    api.InternalServerError,
    api.ResourceExhausted,
    api.ServiceUnavailable,
    api.Unknown,
    auth.TransportError,
)
"""The same call may work in a moment."""

CONTENDED = (api.Aborted,)
"""Others write the same documents."""

PRECONDITIONS = (api.AlreadyExists, api.FailedPrecondition, api.NotFound)
"""Some document was not as a write wanted it; or something is not set up, which a read tells apart."""


class Place(NamedTuple):
    """The database, as messages name it."""

    project: str
    database: str

    def __str__(self) -> str:
        return f"Firestore database {self.database!r} of project {self.project!r}"


def translated(error: Exception, place: Place, doing: str) -> StoreError:
    """The store's error for a failed call; raise it `from` the original."""
    detail = getattr(error, "message", "") or str(error)
    for kind, describe in _MEANINGS:
        if isinstance(error, kind):
            return describe(place, doing, detail)
    return StoreUnavailableError(f"{place} failed while {doing}: {detail}; try again")


def _unreachable(place: Place, doing: str, detail: str) -> StoreError:
    return StoreUnavailableError(
        f"{place} cannot be reached while {doing}: {detail}. "
        "Check the network, or FIRESTORE_EMULATOR_HOST if it is set; then try again"
    )


def _exhausted(place: Place, doing: str, detail: str) -> StoreError:
    return StoreUnavailableError(
        f"{place} has its quota exhausted while {doing}: {detail}. Wait for the next day's free quota, "
        f"or turn on billing: gcloud billing projects link {place.project} --billing-account=ACCOUNT"
    )


def _contended(place: Place, doing: str, detail: str) -> StoreError:
    return StoreUnavailableError(
        f"{place} has too much contention while {doing}: {detail}. "
        "Others write the same documents; try again, with fewer processes if it stays so"
    )


def _forbidden(place: Place, doing: str, detail: str) -> StoreError:
    if "SERVICE_DISABLED" in detail or "has not been used" in detail or "is disabled" in detail:
        return StoreRefusedError(
            f"Firestore is not enabled in project {place.project!r} ({detail}): "
            f"gcloud services enable firestore.googleapis.com --project={place.project}"
        )
    return StoreRefusedError(
        f"{place} denies permission while {doing}: {detail}. Give the account the role roles/datastore.user: "
        f"gcloud projects add-iam-policy-binding {place.project} --member=ACCOUNT --role=roles/datastore.user"
    )


def _unauthenticated(place: Place, doing: str, detail: str) -> StoreError:
    return StoreRefusedError(
        f"{place} does not know who asks while {doing}: {detail}. "
        "Log in: gcloud auth application-default login"
    )


def _missing(place: Place, doing: str, detail: str) -> StoreError:
    return StoreRefusedError(
        f"{place} does not exist ({doing}: {detail}). Make it: gcloud firestore databases create "
        f"--database='{place.database}' --location=LOCATION --project={place.project}"
    )


def _not_set_up(place: Place, doing: str, detail: str) -> StoreError:
    if "index" in detail:
        return StoreRefusedError(
            f"{place} lacks an index while {doing}: {detail}. "
            "Deploy firestore.indexes.json: firebase deploy --only firestore:indexes"
        )
    return StoreRefusedError(
        f"{place} refuses while {doing}: {detail}. It must be a Firestore database in Native mode"
    )


def _invalid(place: Place, doing: str, detail: str) -> StoreError:
    words = detail.lower()
    if any(word in words for word in ("too large", "too big", "maximum", "larger than", "longer than")):
        return StoreFullError(
            f"{place} refuses a record that is too large while {doing}: {detail}. "
            "Nothing of it was written; shorten the key, the labels or the names"
        )
    return StoreRefusedError(f"{place} refuses while {doing}: {detail}")


_Describe = Callable[[Place, str, str], StoreError]
_MEANINGS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], _Describe], ...] = (
    (api.Aborted, _contended),
    (api.ResourceExhausted, _exhausted),
    (api.PermissionDenied, _forbidden),
    ((api.Unauthenticated, auth.DefaultCredentialsError, auth.RefreshError), _unauthenticated),
    (api.NotFound, _missing),
    (api.FailedPrecondition, _not_set_up),
    ((api.InvalidArgument, api.OutOfRange), _invalid),
    (TRANSIENT, _unreachable),
)
