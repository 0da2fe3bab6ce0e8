"""Provider outages: a provider that is not set up must not hold up the others.

Credentials or a permission are missing, an API is off, or no provider of that name exists here. A stage goes
on with everything else and reports the outage at its end.
"""

from collections.abc import Container, Iterator
from contextlib import contextmanager

from gemchain.errors import ConfigurationError, ModelError, NotSetUpError

__all__ = ["Outages", "outage_of"]


@contextmanager
def outage_of(provider: str) -> Iterator[None]:
    """Around work for one provider: what it lacks is told as a `NotSetUpError` that names it."""
    try:
        yield
    except (ConfigurationError, ModelError) as error:
        raise NotSetUpError({provider: error}) from error


class Outages:
    """The providers that one run of a stage leaves alone.

    Args:
        without: Providers that are known to be not set up, and are not even asked.
    """

    def __init__(self, without: Container[str] = ()) -> None:
        self._without = without
        self._met: dict[str, Exception] = {}

    def __contains__(self, provider: object) -> bool:
        return provider in self._without or provider in self._met

    @contextmanager
    def of(self, provider: str) -> Iterator[None]:
        """Around work for one provider: what it lacks ends the block, and nothing else."""
        try:
            yield
        except (ConfigurationError, ModelError) as error:
            self._met[provider] = error

    @contextmanager
    def of_stage(self) -> Iterator[None]:
        """Around a whole stage, where others follow: what it tells ends the block, and nothing else."""
        try:
            yield
        except NotSetUpError as error:
            self._met |= error.errors

    def tell(self) -> None:
        """Say what was met, once everything else is done.

        Raises:
            NotSetUpError: Something was.
        """
        if self._met:
            raise NotSetUpError(self._met) from next(iter(self._met.values()))
