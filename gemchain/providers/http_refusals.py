"""What a service refused, as the exceptions of the port, each with what to do about it.

What a person has to mend (a key, a permission, a bill) is a `ConfigurationError`: the engine stops with it,
nothing is lost, and the next run goes on.
"""

from typing import NamedTuple

from gemchain.errors import ConfigurationError, GemchainError, ProviderRejectedError, ProviderUnavailableError
from gemchain.formats.http_errors import PASSING, SERVER

__all__ = ["Service", "refused"]

UNPAID, TOO_LARGE = 402, 413
NO_ACCESS = frozenset({401, 403})
_UNPAID_WORDS = ("credit balance", "billing", "insufficient credits", "payment")


class Service(NamedTuple):
    """What the messages say of a service.

    Attributes:
        name: What people call it.
        key_help: What to do when it does not accept the key.
        bill_help: What to do when it is not paid.
    """

    name: str
    key_help: str
    bill_help: str


def refused(service: Service, what: str, status: int, said: str, wait: str = "") -> GemchainError:
    """The exception for an answer that is an error.

    Args:
        service: Who answered.
        what: What was being done.
        status: The HTTP status.
        said: The service's own words.
        wait: Its header `Retry-After`; empty without.
    """
    words = f"{service.name} refuses to {what}: {status}: {said}"
    if status == UNPAID or (status in {400, 403} and any(word in said.lower() for word in _UNPAID_WORDS)):
        return ConfigurationError(f"{words}; {service.bill_help}")
    if status in NO_ACCESS:
        return ConfigurationError(f"{words}; {service.key_help}")
    if status in PASSING or status >= SERVER:
        rest = f"; it asks to wait {wait} s" if wait else ""
        return ProviderUnavailableError(f"{service.name} could not {what}: {status}: {said}{rest}")
    if status == TOO_LARGE:
        words = f"{words}; lower the setting 'max_batch_bytes' (GEMCHAIN_MAX_BATCH_BYTES)"
    return ProviderRejectedError(words)
