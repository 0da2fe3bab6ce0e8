"""What becomes of a request after its answer, or after there was none. Pure.

- A status below 400 with a JSON object is an answer.
- 429, 503, 529, 498 and a connection that did not come to be: the service did not take the request. It is
  sent again at the service's pace, for ever.
- 408, 409, 425, other statuses from 500 on, a cut connection, a timeout, an answer that is no JSON: it is
  sent again a few times.
- 401, 402, 403, a wrong key, and a quota that is used up: a person has to mend something first.
- Everything else is a refusal of this request.
"""

from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from gemchain.formats.http_errors import OVERLOADED, PASSING, TOO_MANY
from gemchain.providers.direct.endpoint import Endpoint
from gemchain.providers.direct.exchange import Reply
from gemchain.records import Failure

__all__ = ["Fate", "Verdict", "of_reply", "words_of"]

NO_CAPACITY = 498
NOT_TAKEN = frozenset({TOO_MANY, 503, OVERLOADED, NO_CAPACITY})
UNKNOWN_CALLER, UNPAID, FORBIDDEN, NOT_FOUND = 401, 402, 403, 404
REFUSED_FROM, BROKEN_FROM = 400, 500

QUOTA_USED_UP = "insufficient_quota"
"""OpenAI's code for an account without credit, which comes as 429 and does not pass by itself."""

TOO_LARGE = "Request too large"
"""How OpenAI's 429 begins for a request that is larger than the limit of a whole minute."""

WRONG_KEY = "API_KEY_INVALID"
"""Google's reason for a wrong key, which comes as 400."""


A_FILE = "access the File"
"""In Google's 403 for a file of another key: the request is wrong, and not the key."""


class Fate(Enum):
    """What is done with the request."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """It gives a row with the failure."""
    NOT_TAKEN = "not taken"
    """It is sent again when the service takes requests."""
    BROKEN = "broken"
    """It is sent again a few times."""
    UNKNOWN_CALLER = "unknown caller"
    """It may be taken with new credentials; else a person has to mend something."""
    NOT_SET_UP = "not set up"
    """A person has to mend something."""


class Verdict(NamedTuple):
    """What is done with a request, and why where it was not answered."""

    fate: Fate
    failure: Failure | None = None


def of_reply(endpoint: Endpoint, reply: Reply) -> Verdict:
    """What a reply means."""
    status = reply.status
    if status < REFUSED_FROM:
        if reply.body is not None and status < 300:  # noqa: PLR2004 -- HTTP's own number
            return Verdict(Fate.ANSWERED)
        words = f"the answer is no JSON object: {reply.text[:200]!r}"
        return Verdict(Fate.BROKEN, Failure("server", f"{status}: {words}", retryable=True))
    failure = _failure(endpoint, reply)
    return Verdict(_fate(status, reply, failure), failure)


def _fate(status: int, reply: Reply, failure: Failure) -> Fate:
    if status == UNKNOWN_CALLER:
        return Fate.UNKNOWN_CALLER
    if _needs_a_person(status, reply, failure):
        return Fate.NOT_SET_UP
    if not failure.retryable and status == TOO_MANY:
        return Fate.REFUSED
    if status in NOT_TAKEN:
        return Fate.NOT_TAKEN
    return Fate.BROKEN if status in PASSING or status >= BROKEN_FROM else Fate.REFUSED


def _needs_a_person(status: int, reply: Reply, failure: Failure) -> bool:
    if status == FORBIDDEN:
        return A_FILE not in failure.message
    return status == UNPAID or _names(reply, WRONG_KEY) or _names(reply, QUOTA_USED_UP)


def _failure(endpoint: Endpoint, reply: Reply) -> Failure:
    failure = endpoint.format.failure(reply.status, reply.body or {})
    message = failure.message
    if reply.body is None and reply.text.strip():
        message = f"{reply.status}: {' '.join(reply.text.split())[:300]}"
    if reply.status == NOT_FOUND and endpoint.model_help:
        message = f"{message}; {endpoint.model_help}"
    if TOO_LARGE in message:
        return Failure("rejected", message)
    return replace(failure, message=message)


def _names(reply: Reply, code: str) -> bool:
    """Whether the error names this code or reason."""
    error = (reply.body or {}).get("error")
    if not isinstance(error, dict):
        return False
    details = error.get("details")
    told = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    return code in [error.get("code"), error.get("type"), *(each.get("reason") for each in told)]


def words_of(endpoint: Endpoint, failure: Failure) -> str:
    """For people: what has to be mended before this service takes requests."""
    where = f"{endpoint.service} does not accept requests for {endpoint.model!r}"
    return f"{where}: {failure.message}; {endpoint.key_help}"
