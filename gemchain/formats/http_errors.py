"""What an HTTP status says of a request that got no answer."""

from gemchain.records import Failure

__all__ = ["PASSING", "by_status"]

TOO_MANY, SERVER = 429, 500
OVERLOADED = 529
"""Anthropic's own: the service has more requests than it can take."""

PASSING = frozenset({408, 409, 425, TOO_MANY, 498})
"""Statuses below 500 by which the same request may succeed later. 498 is Groq's: no capacity."""


def by_status(status: int, message: str) -> Failure:
    """The failure of a request that was refused with this status.

    Args:
        status: The HTTP status.
        message: The service's own words.
    """
    words = f"{status}: {message}" if message and not message.startswith(str(status)) else message
    words = words or f"HTTP status {status}"
    if status in PASSING:
        return Failure("rate", words, retryable=True)
    if status >= SERVER:
        return Failure("server", words, retryable=True)
    return Failure("rejected", words)
