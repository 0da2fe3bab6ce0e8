"""Open the state that a command works on, and let go of it afterwards."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gemchain.errors import ConfigurationError
from gemchain.runtime import Runtime, install
from gemchain.settings import Settings
from gemchain.wiring import configure

__all__ = ["configured", "environment", "existing"]


@contextmanager
def environment(state: str | None, application: Path | None = None) -> Iterator[None]:
    """Inside the block nothing is configured yet, and the options stand in the environment.

    The environment, so that a chain's file which calls `configure()` by itself keeps to them too.
    """
    wanted = {
        "GEMCHAIN_STATE": state,
        "GEMCHAIN_APPLICATION": None if application is None else str(application),
    }
    changes = {name: value for name, value in wanted.items() if value is not None}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    outer = install(None)
    try:
        yield
    finally:
        inner = install(outer)
        if inner is not None:
            inner.store.close()
        _put_back(before)


def _put_back(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


def configured(state: str | None) -> Runtime:
    """The runtime that the chain's file has configured, or else one from the environment.

    Raises:
        ConfigurationError: The file insists on another state than the command line.
    """
    own = install(None)
    if own is None:
        return configure()
    install(own)
    if state is not None and Path(own.settings.state).resolve() != Path(state).resolve():
        raise ConfigurationError(
            f"the file configures state {own.settings.state!r}, the command line --state {state!r}; "
            "leave one out"
        )
    return own


@contextmanager
def existing(state: str | None) -> Iterator[Runtime]:
    """A state that is there already; looking at a folder must not make one of it.

    Raises:
        ConfigurationError: There is none.
    """
    with environment(state):
        settings = Settings.from_environment()
        if not settings.store and not (Path(settings.state) / "gemchain.db").exists():
            raise ConfigurationError(
                f"there is no gemchain state in {settings.state!r}; `gemchain run` makes one, "
                "--state names another"
            )
        yield configure()
