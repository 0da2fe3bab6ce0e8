"""Errors of the file storage and of a service's library as the exceptions of the port."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gemchain.errors import (
    BlobError,
    BlobNotFoundError,
    GemchainError,
    ProviderRejectedError,
    ProviderUnavailableError,
)

__all__ = ["translating"]


@contextmanager
def translating(what: str, of_library: Callable[[str, Exception], Exception | None]) -> Iterator[None]:
    """Raise the port's errors in place of the libraries'.

    Args:
        what: What is done inside, for people: `show job 'batch_1'`.
        of_library: The port's error for one of the library's, given `what`; None for one that is none.
    """
    try:
        yield
    except BlobNotFoundError as error:
        raise ProviderRejectedError(f"cannot {what}: {error}") from error
    except BlobError as error:
        raise ProviderUnavailableError(f"cannot {what} now: {error}") from error
    except GemchainError:
        raise
    except Exception as error:
        found = of_library(what, error)
        if found is None:
            raise
        raise found from error
