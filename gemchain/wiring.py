"""Building a runtime from the settings. Only this module names concrete adapters; it imports them lazily."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import urlsplit

from gemchain.base.clock import SystemClock
from gemchain.base.setting_types import SettingsOptions
from gemchain.errors import ConfigurationError, ModelError
from gemchain.functions.continuations import Continuations
from gemchain.functions.own_key import NAME, OwnKey
from gemchain.money import prices
from gemchain.ports import Blobs, Clock, Provider, Store, Waker
from gemchain.runtime import Providers, Runtime, active, build_with, install
from gemchain.settings import Settings
from gemchain.wakers.loop import LoopWaker

__all__ = ["build", "choose_provider", "configure", "functions_of", "run"]

Responder = Callable[[dict[str, Any]], Any]
PREFIXES = {"simulated": "simulated", "gemini-api": "gemini-api"}
"""Prefixes of model names, before a slash, and the provider that each chooses."""

FILES = "files"
"""The folder of the files inside the state."""

VERTEX_MODEL, VERTEX_PATH = "gemini-", "publishers/google/models/"
"""Prefixes of the names of models on Vertex AI."""


def configure(
    *,
    responder: Responder | None = None,
    clock: Clock | None = None,
    **settings: Unpack[SettingsOptions],
) -> Runtime:
    """Build the runtime that every later call uses.

    Without this call, environment variables (`GEMCHAIN_STATE`, …) and the defaults apply.

    Args:
        responder: Answers `simulated/…` models in place of the built-in one: takes the request as a
            dict and returns the answer's text, a whole response body as a dict, or an exception.
        clock: Time, for tests.
        **settings: Settings by name; those not given come from the environment.

    Returns:
        The runtime, which is the current one from now on.

    Raises:
        ConfigurationError: An unknown setting, a wrong value, or an address of an unknown kind.
        StoreError: The state cannot be opened.
    """
    runtime = build(Settings.from_environment().changed(**settings), responder=responder, clock=clock)
    before = install(runtime)
    if before is not None:
        before.store.close()
    return runtime


def run(*, until_idle: bool = True, timeout: float | None = None) -> bool:
    """Drive the embedded engine in this process until nothing is left to do.

    Chains that wait for a person (PARKED) keep waiting. Several processes may run on one state at the
    same time and share the work.

    Args:
        until_idle: False runs for ever, for a process that serves what other processes submit.
        timeout: Seconds after which to stop in any case.

    Returns:
        Whether nothing was left to do; False after a timeout.

    Raises:
        StoreError: The store failed for good.
    """
    from gemchain.engine.drive import drive

    return drive(active(), until_idle=until_idle, timeout=timeout)


def build(settings: Settings, *, responder: Responder | None = None, clock: Clock | None = None) -> Runtime:
    """The runtime that the settings describe."""
    prices.use(settings.prices)
    clock = clock or SystemClock()
    blobs = _blobs(settings)
    return Runtime(
        settings=settings,
        store=_store(settings, clock, blobs),
        blobs=blobs,
        providers=_providers(settings, blobs, clock, responder),
        waker=_waker(settings),
        clock=clock,
        continuations=functions_of(settings),
        drive=None if settings.waker else _drive,
    )


def functions_of(settings: Settings) -> Continuations:
    """The lookup of the application's functions, as the settings describe it.

    A state in the cloud has no key of its own: its workers would not see the file.
    """
    state = Path(settings.state)
    return Continuations(
        Path(settings.application) if settings.application else None,
        tuple(filter(None, (each.strip() for each in settings.modules.split(",")))),
        settings.signing_key,
        without=state / FILES,
        own_key=None if settings.store else OwnKey(state / NAME),
    )


def _drive(runtime: Runtime, *, until: Callable[[], bool], timeout: float | None) -> None:
    from gemchain.engine.drive import drive

    drive(runtime, until=until, timeout=timeout)


def _store(settings: Settings, clock: Clock, blobs: Blobs) -> Store:
    known = "'firestore://PROJECT/(default)', or empty for SQLite in the state"
    if _has_scheme("firestore", "store", settings.store, known):
        from gemchain.stores.firestore import FirestoreStore

        return FirestoreStore.from_address(settings.store, blobs=blobs, clock=clock)
    from gemchain.stores.sqlite import SqliteStore

    return SqliteStore(str(Path(settings.state) / "gemchain.db"), clock)


def _blobs(settings: Settings) -> Blobs:
    if _has_scheme("gs", "blobs", settings.blobs, "'gs://bucket/prefix', or empty for the state folder"):
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


def _providers(settings: Settings, blobs: Blobs, clock: Clock, responder: Responder | None) -> Providers:
    def simulated() -> Provider:
        from gemchain.providers.simulated import SimulatedProvider

        return SimulatedProvider(
            blobs,
            clock,
            responder=responder,
            turnaround=settings.simulated_turnaround,
            seed=settings.simulated_seed,
            faults=settings.simulated_faults,
        )

    def vertex() -> Provider:
        from gemchain.providers.vertex import VertexProvider

        return VertexProvider(
            blobs,
            project=settings.project,
            location=settings.location,
            endpoint=settings.vertex_endpoint,
        )

    def gemini_api() -> Provider:
        from gemchain.providers.gemini_api import GeminiApiProvider

        return GeminiApiProvider(blobs, endpoint=settings.gemini_api_endpoint)

    constructors = {"simulated": simulated, "vertex": vertex, "gemini-api": gemini_api}
    return Providers(constructors, choose_provider)


def choose_provider(model: str) -> tuple[str, str]:
    """The provider that a model's name chooses, and the model's name there.

    Raises:
        ModelError: No provider serves the model; the message names the most similar name that is served.
    """
    if not isinstance(model, str) or not model.strip():
        raise ModelError(f"a model is a name such as 'simulated/echo', not {model!r}")
    prefix, slash, inner = model.partition("/")
    if model.startswith(VERTEX_PATH) or (not slash and model.startswith(VERTEX_MODEL)):
        return "vertex", model.removeprefix(VERTEX_PATH)
    if slash and prefix in PREFIXES and inner:
        return PREFIXES[prefix], inner
    raise ModelError(f"no provider serves the model {model!r}; {_hint(model, prefix, inner)}")


def _hint(model: str, prefix: str, inner: str) -> str:
    from difflib import get_close_matches  # rarely needed, and 1 ms to import

    if not inner and (near := get_close_matches(model, prices.models(), n=1)):
        return f"did you mean {near[0]!r}?"
    if near := get_close_matches(prefix, PREFIXES, n=1):
        return f"did you mean '{near[0]}/{inner or model}'?"
    return f"a name begins with {_known()}"


def _known() -> str:
    return " or ".join(f"'{each}'" for each in (*(f"{prefix}/" for prefix in PREFIXES), VERTEX_MODEL))


build_with(lambda: build(Settings.from_environment()))
