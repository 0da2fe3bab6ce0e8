"""Every error that gemchain raises, in one tree.

```
GemchainError
├── ConfigurationError            a setting, an address or an extra is wrong or missing
│   ├── MissingExtraError         a package is not installed; the message names the extra
│   └── NotSetUpError             some providers have to be set up first; the others went on
├── InvalidInputError             refused at submit: nothing was recorded, nothing will be paid
│   ├── RequestError              the request is empty, malformed or too large
│   ├── ModelError                no such provider or model
│   ├── ParamsError               the params are not JSON
│   ├── ContinuationError         the callback cannot be stored by name, or cannot take its arguments
│   └── KeyInUseError             the key belongs to a chain that was started with other arguments
├── ChainError                    asked of a chain that has no result to give
│   ├── ChainNotFoundError        no chain has this id
│   ├── ChainFailedError          one of its prompts or callbacks failed for good
│   ├── ChainCancelledError       it was cancelled
│   ├── ChainParkedError          it waits for a person
│   └── ChainTimeoutError         it did not end within the time asked for
├── MoveError                     a record was asked to move against the table in states.py
├── StoreError                    the store failed; nothing is half-written
│   ├── StoreConflictError        another process changed the record first
│   ├── StoreUnavailableError     unreachable, exhausted or contended: the same call may work later
│   ├── StoreRefusedError         permission denied or not set up: a person must mend it
│   ├── StoreFullError            no room left on the disk, or a record is larger than the store takes
│   ├── DamagedError              a record makes no sense: gemchain did not write it so
│   └── NewerSchemaError          the state was written by a newer gemchain
├── BlobError                     the file storage failed
│   └── BlobNotFoundError         no such object, or not in this generation
├── ProviderError                 the batch service failed
│   ├── ProviderUnavailableError  it may work later: gemchain tries again by itself
│   └── ProviderRejectedError     it will not take this, however often it is asked
├── DivergedError                 an async chain no longer does what its history says: parked
├── Retry                         raised by a callback: run me, or send the prompt, again
├── Abort                         raised by a callback: fail here and now
└── UnresolvedError               a stored name leads to no function that may be called: the prompt is parked
```
"""

from collections.abc import Mapping
from typing import Any

__all__ = [
    "Abort",
    "BlobError",
    "BlobNotFoundError",
    "ChainCancelledError",
    "ChainError",
    "ChainFailedError",
    "ChainNotFoundError",
    "ChainParkedError",
    "ChainTimeoutError",
    "ConfigurationError",
    "ContinuationError",
    "DamagedError",
    "DivergedError",
    "GemchainError",
    "InvalidInputError",
    "KeyInUseError",
    "MissingExtraError",
    "ModelError",
    "MoveError",
    "NewerSchemaError",
    "NotSetUpError",
    "ParamsError",
    "ProviderError",
    "ProviderRejectedError",
    "ProviderUnavailableError",
    "RequestError",
    "Retry",
    "StoreConflictError",
    "StoreError",
    "StoreFullError",
    "StoreRefusedError",
    "StoreUnavailableError",
    "UnresolvedError",
]


class GemchainError(Exception):
    """Root of every error that gemchain raises."""


class ConfigurationError(GemchainError):
    """A setting, an address or an extra is wrong or missing."""


class MissingExtraError(ConfigurationError):
    """A package is not installed; the message names the extra that brings it.

    Attributes:
        install: The command that installs the extra.
    """

    def __init__(self, what: str, extra: str) -> None:
        self.install = f"pip install 'gemchain[{extra}]'"
        super().__init__(f"{what} needs packages that are not installed: {self.install}")


class NotSetUpError(ConfigurationError):
    """Some providers have to be set up first; everything else went on, and nothing of theirs is lost.

    Attributes:
        errors: What each lacks, by the provider's name.
    """

    def __init__(self, errors: Mapping[str, Exception]) -> None:
        super().__init__("\n".join(f"provider {name!r}: {error}" for name, error in errors.items()))
        self.errors = dict(errors)


class InvalidInputError(GemchainError):
    """Refused at submit: nothing was recorded, and nothing will be paid."""


class RequestError(InvalidInputError):
    """The request is empty, malformed, or larger than the provider takes."""


class ModelError(InvalidInputError):
    """No provider serves this model name."""


class ParamsError(InvalidInputError):
    """The params cannot be stored as JSON."""


class ContinuationError(InvalidInputError):
    """The callback cannot be stored by name, or cannot take the response and its params."""


class KeyInUseError(InvalidInputError):
    """The key belongs to a chain of the same function that was started with other arguments.

    Attributes:
        key: The key.
        chain_id: The chain that has it.
    """

    def __init__(self, message: str, *, key: str, chain_id: str) -> None:
        super().__init__(message)
        self.key = key
        self.chain_id = chain_id


class ChainError(GemchainError):
    """A chain was asked for something it cannot give."""


class ChainNotFoundError(ChainError):
    """No chain has this id."""


class ChainFailedError(ChainError):
    """One of the chain's prompts or callbacks failed for good.

    Attributes:
        reason: Short class of the failure, as in `Failure.reason`.
        traceback: Where a callback raised, as text; None when no callback did.
    """

    def __init__(self, message: str, *, reason: str = "failed", traceback: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.traceback = traceback


class ChainCancelledError(ChainError):
    """The chain was cancelled; it has no result."""


class ChainParkedError(ChainError):
    """The chain waits for a person: mend the cause, then `retry` it."""


class ChainTimeoutError(ChainError, TimeoutError):
    """The chain did not end within the time asked for. It goes on all the same."""


class MoveError(GemchainError):
    """A record was asked to move against the table in `states.py`."""


class StoreError(GemchainError):
    """The store failed; nothing is half-written."""


class StoreConflictError(StoreError):
    """Another process changed the record first; read it again."""


class StoreUnavailableError(StoreError):
    """The store is unreachable, exhausted or contended; the same call may work later."""


class StoreRefusedError(StoreError):
    """The store refuses: no permission, or not set up. A person must mend it."""


class StoreFullError(StoreError):
    """The disk is full, or a record is larger than the store takes."""


class DamagedError(StoreError):
    """A record makes no sense: gemchain has not written it so. It is passed over, or parked."""


class NewerSchemaError(StoreError):
    """The state was written by a newer gemchain; upgrade, or use another state folder."""


class BlobError(GemchainError):
    """The file storage failed."""


class BlobNotFoundError(BlobError):
    """No such object, or not in the generation asked for."""


class ProviderError(GemchainError):
    """The batch service failed."""


class ProviderUnavailableError(ProviderError):
    """The batch service may work later; gemchain tries again by itself."""


class ProviderRejectedError(ProviderError):
    """The batch service will not take this, however often it is asked."""


class DivergedError(GemchainError):
    """An async chain no longer does what its history says; it is parked.

    Attributes:
        place: Where in the program.
        awaited: What the program awaits there now; None when it comes there no more.
    """

    def __init__(self, message: str, *, place: str, awaited: Any) -> None:
        super().__init__(message)
        self.place = place
        self.awaited = awaited


class Retry(GemchainError):  # noqa: N818 -- a callback raises it on purpose; it is no error
    """Raised by a callback: not now. The answer is kept, and the callback runs again.

    Does not count against `callback_attempts`: it may be raised as often as one likes.

    Args:
        after: Seconds to rest first.
        resend: Send the prompt again instead, for another answer; counts as one of its attempts.
    """

    def __init__(self, after: float = 0.0, *, resend: bool = False) -> None:
        super().__init__(f"again after {after} s")
        self.after = after
        self.resend = resend


class Abort(GemchainError):  # noqa: N818 -- a callback raises it on purpose; it is no error
    """Raised by a callback: fail here and now, without further attempts.

    Args:
        reason: What a person shall read.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = str(reason)


class UnresolvedError(GemchainError):
    """A stored name leads to no function that may be called; the prompt is parked."""
