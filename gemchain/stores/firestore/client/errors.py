"""What Firestore's errors mean, and what to do about each.

Statuses: https://docs.cloud.google.com/firestore/docs/understand-error-codes
"""

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


class _Meaning(NamedTuple):
    """What a failure is, and what to do about it.

    Attributes:
        kinds: The exceptions.
        words: One of them is in what the service says; empty for whatever it says.
        text: The message.
    """

    kinds: tuple[type[Exception], ...]
    error: type[StoreError]
    text: str
    words: tuple[str, ...] = ()


_MEANINGS = (
    _Meaning(
        (api.Aborted,),
        StoreUnavailableError,
        "{place} has too much contention while {doing}: {detail}. "
        "Others write the same documents; try again, with fewer processes if it stays so",
    ),
    _Meaning(
        (api.ResourceExhausted,),
        StoreUnavailableError,
        "{place} has its quota exhausted while {doing}: {detail}. Wait for the next day's free quota, "
        "or turn on billing: gcloud billing projects link {place.project} --billing-account=ACCOUNT",
    ),
    _Meaning(
        (api.PermissionDenied,),
        StoreRefusedError,
        "Firestore is not enabled in project {place.project!r} ({detail}): "
        "gcloud services enable firestore.googleapis.com --project={place.project}",
        words=("service_disabled", "has not been used", "is disabled"),
    ),
    _Meaning(
        (api.PermissionDenied,),
        StoreRefusedError,
        "{place} denies permission while {doing}: {detail}. Give the account the role roles/datastore.user: "
        "gcloud projects add-iam-policy-binding {place.project} --member=ACCOUNT --role=roles/datastore.user",
    ),
    _Meaning(
        (api.Unauthenticated, auth.DefaultCredentialsError, auth.RefreshError),
        StoreRefusedError,
        "{place} does not know who asks while {doing}: {detail}. "
        "Log in: gcloud auth application-default login",
    ),
    _Meaning(
        (api.NotFound,),
        StoreRefusedError,
        "{place} does not exist ({doing}: {detail}). Make it: gcloud firestore databases create "
        "--database='{place.database}' --location=LOCATION --project={place.project}",
    ),
    _Meaning(
        (api.FailedPrecondition,),
        StoreRefusedError,
        "{place} lacks an index while {doing}: {detail}. "
        "Deploy firestore.indexes.json: firebase deploy --only firestore:indexes",
        words=("index",),
    ),
    _Meaning(
        (api.FailedPrecondition,),
        StoreRefusedError,
        "{place} refuses while {doing}: {detail}. It must be a Firestore database in Native mode",
    ),
    _Meaning(
        (api.InvalidArgument, api.OutOfRange),
        StoreFullError,
        "{place} refuses a record that is too large while {doing}: {detail}. "
        "Nothing of it was written; shorten the key, the labels or the names",
        words=("too large", "too big", "maximum", "larger than", "longer than"),
    ),
    _Meaning(
        (api.InvalidArgument, api.OutOfRange),
        StoreRefusedError,
        "{place} refuses while {doing}: {detail}",
    ),
    _Meaning(
        TRANSIENT,
        StoreUnavailableError,
        "{place} cannot be reached while {doing}: {detail}. "
        "Check the network, or FIRESTORE_EMULATOR_HOST if it is set; then try again",
    ),
    _Meaning(FAILURES, StoreUnavailableError, "{place} failed while {doing}: {detail}; try again"),
)
"""The first that fits."""


def translated(error: Exception, place: Place, doing: str) -> StoreError:
    """The store's error for a failed call; raise it `from` the original."""
    detail = getattr(error, "message", "") or str(error)
    told = detail.lower()
    meaning = next(
        each
        for each in _MEANINGS
        if isinstance(error, each.kinds) and (not each.words or any(word in told for word in each.words))
    )
    return meaning.error(meaning.text.format(place=place, doing=doing, detail=detail))
