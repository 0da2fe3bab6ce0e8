"""Opening the state that a command works on, and closing it afterwards."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gemchain.configuration.sources import current_settings
from gemchain.errors import ConfigurationError
from gemchain.records.states import ChainState, PromptState
from gemchain.runtime import Providers, Runtime, install
from gemchain.settings import Settings
from gemchain.wiring import build, configure, rehearsing

__all__ = ["configured", "environment", "existing", "providers_to_describe", "settings_in_use"]


@contextmanager
def environment(
    state: str | None, application: Path | None = None, model: str | None = None, lane: str | None = None
) -> Iterator[None]:
    """A block in which no runtime is configured yet, with the options set as environment variables.

    They are environment variables so that a chain's file that calls `configure()` itself uses them, too.
    """
    wanted = {
        "GEMCHAIN_STATE": state,
        "GEMCHAIN_APPLICATION": None if application is None else str(application),
        "GEMCHAIN_DEFAULT_MODEL": model,
        "GEMCHAIN_LANE": lane,
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
        _restore(before)


def _restore(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


def configured(state: str | None) -> Runtime:
    """The runtime that the chain's file has configured, or else one from the environment.

    Raises:
        ConfigurationError: The file configures another state than the command line.
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


def providers_to_describe() -> Providers:
    """The providers, only to be asked for what they can do: nothing is opened, and nothing is kept.

    Raises:
        ConfigurationError: A wrong value among the settings of a provider.
    """
    with rehearsing():
        runtime = build(current_settings().changed(store="", blobs="gs://bucket/files", waker=""))
    runtime.store.close()
    return runtime.providers


def settings_in_use() -> Settings:
    """The settings that the chain's file has configured, or else the environment; nothing is opened."""
    own = install(None)
    if own is None:
        return current_settings()
    install(own)
    return own.settings


@contextmanager
def existing(state: str | None) -> Iterator[Runtime]:
    """The runtime of a state that exists. A command that only reads must not create a state.

    Raises:
        ConfigurationError: The state does not exist.
    """
    with environment(state):
        settings = current_settings()
        if not settings.store and not (Path(settings.state) / "gemchain.db").exists():
            is_state = settings.state.upper() in {*ChainState, *PromptState}
            hint = "to choose by the state of prompts, say --only" if is_state else "--state names another"
            raise ConfigurationError(
                f"there is no gemchain state in {settings.state!r}; `gemchain run` makes one, {hint}"
            )
        yield configure()
