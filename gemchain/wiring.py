"""Building a runtime from the settings. Only this module names concrete adapters; it imports them lazily."""

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import urlsplit

from gemchain.base.clock import SystemClock
from gemchain.base.process import this_process
from gemchain.base.setting_types import SettingsOptions
from gemchain.errors import ConfigurationError
from gemchain.functions.application import program_name
from gemchain.functions.continuations import Continuations
from gemchain.functions.own_key import NAME, OwnKey
from gemchain.money import prices
from gemchain.ports import Blobs, Clock, Store, Waker
from gemchain.providers.compat_servers import priced_servers
from gemchain.providers.wired import providers_of
from gemchain.records import checked_owner
from gemchain.runtime import Runtime, active, build_with, install
from gemchain.settings import Settings
from gemchain.wakers.loop import LoopWaker

__all__ = ["build", "configure", "functions_of", "open_store", "rehearsing", "run"]

Responder = Callable[[dict[str, Any]], Any]

FILES = "files"
"""The folder of the files inside the state."""

_KNOWN_BLOBS = "'gs://bucket/prefix', or empty for the state folder"

_rehearsing = False


def configure(
    *,
    responder: Responder | None = None,
    clock: Clock | None = None,
    **settings: Unpack[SettingsOptions],
) -> Runtime:
    """Build the runtime that every later call uses.

    Without this call, and for settings that it is not given, environment variables (`GEMCHAIN_STATE`, …)
    apply, then the file (`gemchain.toml`, or `[tool.gemchain]` in `pyproject.toml`), then the defaults.

    Args:
        responder: Answers `simulated/…` models in place of the built-in one: takes the request as a
            dict and returns the answer's text, a whole response body as a dict, or an exception.
        clock: Time, for tests.
        **settings: Settings by name, which win over the environment and the file.

    Returns:
        The runtime, which is the current one from now on.

    Raises:
        ConfigurationError: An unknown setting, a wrong value, an address of an unknown kind, or a file of
            settings that cannot be read.
        StoreError: The state cannot be opened.
    """
    built = build(_current_settings(**settings), responder=responder, clock=clock)
    runtime = replace(built, configured=frozenset(settings))
    before = install(runtime)
    if before is not None:
        before.store.close()
    return runtime


def run(
    *,
    until_idle: bool = True,
    timeout: float | None = None,
    everything: bool = False,
    progress: bool | None = None,
) -> bool:
    """Drive the embedded engine in this process until nothing is left to do.

    It sends and dispatches what this program started, in this process or in others (setting `program`), and
    what has no owner. What other programs and runs of `gemchain run` started in the same state is left as it
    is. Chains that wait for a person (PARKED) keep waiting. Several processes may run on one state at the
    same time and share the work.

    Args:
        until_idle: False runs for ever, for a process that serves what other processes submit.
        timeout: Seconds after which to stop in any case.
        everything: Do the work of all programs and runs in this state. Their functions must be found here.
        progress: Whether to show progress on standard error: a board on a terminal, lines elsewhere. None
            shows it on a terminal and in a notebook only.

    Returns:
        Whether nothing was left to do; False after a timeout.

    Raises:
        StoreError: The store failed for good.
    """
    if _rehearsing:
        return False
    from gemchain.engine.drive import drive

    runtime = active()
    owners = None if everything else runtime.owners
    with _progress(runtime, owners, progress=progress):
        return drive(runtime, owners=owners, until_idle=until_idle, timeout=timeout)


def _progress(
    runtime: Runtime, owners: Collection[str] | None, *, progress: bool | None
) -> AbstractContextManager[None]:
    """A block during which progress is shown; what draws it is loaded only if it is wanted."""
    in_kernel = "ipykernel" in sys.modules
    if progress is False or (progress is None and not (sys.stderr.isatty() or in_kernel)):
        from gemchain.display.interrupts import ending_in_one_line

        return ending_in_one_line(runtime)
    from gemchain.display.python_run import shown

    return shown(runtime, owners, summary=bool(progress))


def build(settings: Settings, *, responder: Responder | None = None, clock: Clock | None = None) -> Runtime:
    """The runtime that the settings describe."""
    prices.use(settings.prices, priced_servers(settings.compat))
    clock = clock or SystemClock()
    blobs = _discarding(settings) if _rehearsing else _blobs(settings)
    return Runtime(
        settings=settings,
        store=_memory_store(clock) if _rehearsing else _store(settings, clock, blobs),
        blobs=blobs,
        providers=providers_of(settings, blobs, clock, responder),
        waker=_waker(settings),
        clock=clock,
        continuations=functions_of(settings),
        drive=None if settings.waker else _drive,
        owner=_owner(settings),
        process=None if settings.store else this_process(),
    )


def _owner(settings: Settings) -> str:
    """The program whose chains are started here: as it is set, or the script that runs."""
    try:
        anchor = None if settings.store else Path(settings.state).resolve().parent
        return checked_owner(settings.program) or program_name(_folder(settings), anchor)
    except ValueError as error:
        raise ConfigurationError(f"setting 'program' cannot be used: {error}") from error


def _folder(settings: Settings) -> Path | None:
    return Path(settings.application) if settings.application else None


@contextmanager
def rehearsing() -> Iterator[None]:
    """A block in which runtimes keep nothing: records stay in memory, files nowhere, and nothing is sent.

    Functions that start chains can be tried inside, with the checks of the providers that are set up.
    """
    global _rehearsing  # noqa: PLW0603 -- the chain's file may configure its own runtime inside
    before, _rehearsing = _rehearsing, True
    try:
        yield
    finally:
        _rehearsing = before


def open_store(settings: Settings) -> Store:
    """The store that the settings name, also inside of a rehearsal."""
    return _store(settings, SystemClock(), _blobs(settings))


def functions_of(settings: Settings) -> Continuations:
    """The lookup of the application's functions, as the settings describe it.

    A state in the cloud has no key of its own: its workers would not see the file.
    """
    state = Path(settings.state)
    return Continuations(
        _folder(settings),
        tuple(filter(None, (each.strip() for each in settings.modules.split(",")))),
        settings.signing_key,
        without=state / FILES,
        own_key=None if settings.store else OwnKey(state / NAME),
    )


def _memory_store(clock: Clock) -> Store:
    from gemchain.stores.sqlite import SqliteStore

    return SqliteStore(":memory:", clock)


def _discarding(settings: Settings) -> Blobs:
    from gemchain.blobs.discarding import DiscardingBlobs

    on_cloud = _has_scheme("gs", "blobs", settings.blobs, _KNOWN_BLOBS)
    return DiscardingBlobs(settings.blobs if on_cloud else (Path(settings.state).absolute() / FILES).as_uri())


def _drive(
    runtime: Runtime, *, owners: Collection[str], until: Callable[[], bool], timeout: float | None
) -> None:
    if _rehearsing:
        return
    from gemchain.engine.drive import drive

    drive(runtime, owners=owners, until=until, timeout=timeout)


def _store(settings: Settings, clock: Clock, blobs: Blobs) -> Store:
    known = "'firestore://PROJECT/(default)', or empty for SQLite in the state"
    if _has_scheme("firestore", "store", settings.store, known):
        from gemchain.stores.firestore import FirestoreStore

        return FirestoreStore.from_address(settings.store, blobs=blobs, clock=clock)
    from gemchain.stores.sqlite import SqliteStore

    return SqliteStore(str(Path(settings.state) / "gemchain.db"), clock)


def _blobs(settings: Settings) -> Blobs:
    if _has_scheme("gs", "blobs", settings.blobs, _KNOWN_BLOBS):
        from gemchain.blobs.gcs import GcsBlobs

        return GcsBlobs.from_address(settings.blobs)
    from gemchain.blobs.local import LocalBlobs

    return LocalBlobs(Path(settings.state) / FILES)


def _waker(settings: Settings) -> Waker:
    known = "'tasks://REGION/gemchainDispatch', or empty for a loop in this process"
    if _has_scheme("tasks", "waker", settings.waker, known):
        from gemchain.wakers.cloud_tasks import CloudTasksWaker

        return CloudTasksWaker.from_address(settings.waker)
    return LoopWaker()


def _has_scheme(scheme: str, setting: str, address: str, known: str) -> bool:
    """Whether an address of this scheme is set; False when the address is empty.

    Raises:
        ConfigurationError: The address has another scheme.
    """
    found = urlsplit(address).scheme
    if address and found != scheme:
        raise ConfigurationError(f"{setting} {address!r} begins with {found!r}; it is {known}")
    return bool(address)


def _current_settings(**changes: Any) -> Settings:
    from gemchain.configuration.sources import current_settings  # 2 ms that `import gemchain` need not take

    return current_settings(**changes)


build_with(lambda: build(_current_settings()))
