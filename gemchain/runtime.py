"""The ports bundled, and which bundle is the current one."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from gemchain.base import logs  # noqa: F401 -- installs the filter of the logger
from gemchain.errors import ConfigurationError, ModelError
from gemchain.functions.continuations import Continuations
from gemchain.ports import Blobs, Clock, Format, Provider, Store, Waker
from gemchain.records import Prompt
from gemchain.settings import Settings

__all__ = ["Providers", "Runtime", "active", "build_with", "install", "using"]

Choose = Callable[[str], tuple[str, str]]


class Drive(Protocol):
    """Drives the embedded engine until a condition holds, nothing is open, or the time is over."""

    def __call__(
        self,
        runtime: "Runtime",
        *,
        owners: Collection[str],
        until: Callable[[], bool],
        timeout: float | None,
    ) -> None:
        """Return when `until` holds, when nothing is open any more, or after `timeout` seconds."""


class Providers:
    """The providers by name, each made when it is first needed.

    Args:
        makers: How to make each provider.
        choose: Splits what a user wrote into a provider's name and a model.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Provider]], choose: Choose) -> None:
        self._makers: Mapping[str, Callable[[], Provider]] = makers
        self._made: dict[str, Provider] = {}
        self._choose = choose
        self._added: set[str] = set()
        self._chosen: dict[str, tuple[Provider, str]] = {}
        self._formats: dict[tuple[str, str], Format] = {}
        self.checked: set[str] = set()
        """Names of models that were checked and are known."""

    @property
    def names(self) -> list[str]:
        """The names of all providers."""
        return sorted(self._makers)

    def choose(self, model: str) -> tuple[Provider, str]:
        """The provider that serves `model`, and the model's name there.

        Raises:
            ModelError: No provider serves it.
        """
        known = self._chosen.get(model) if isinstance(model, str) else None
        if known is None:
            name, inner = self.split(model)
            known = self._chosen[model] = (self.named(name), inner)
        return known

    def split(self, model: str) -> tuple[str, str]:
        """The name of the provider that serves `model`, and the model's name there; the provider is not made.

        Raises:
            ModelError: No provider serves it.
        """
        name, _, inner = model.partition("/") if isinstance(model, str) else ("", "", "")
        return (name, inner) if name in self._added and inner else self._choose(model)

    def add(self, name: str, make: Callable[[], Provider]) -> None:
        """Add a provider of one's own, whose models are called `NAME/MODEL`.

        Every process that starts, sends or dispatches its chains has to add it, right after `configure`.

        Raises:
            ConfigurationError: There is a provider of this name, or it is no name.
        """
        if name in self._makers or not name.replace("-", "").isalnum():
            raise ConfigurationError(f"a provider cannot be added as {name!r}: it is taken, or it is no name")
        self._makers = {**self._makers, name: make}
        self._added.add(name)

    def format_of(self, prompt: Prompt) -> Format:
        """The wire format of a prompt's request and answer.

        Raises:
            ModelError: There is no such provider.
        """
        key = prompt.provider, prompt.model
        known = self._formats.get(key)
        if known is None:
            known = self._formats[key] = self.named(prompt.provider).format(prompt.model)
        return known

    def named(self, name: str) -> Provider:
        """The provider of that name.

        Raises:
            ModelError: There is none.
        """
        if name not in self._made:
            if name not in self._makers:
                raise ModelError(
                    f"no provider is called {name!r}; there are {', '.join(sorted(self._makers))}"
                )
            self._made[name] = self._makers[name]()
        return self._made[name]


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that a stage needs.

    Attributes:
        drive: How to drive the engine from this process; None where others drive it (Firebase).
        process: The identity of this process in the leases that it takes; None where a later process could
            not tell whether this one is gone.
        owner: Whose work the chains are that this process starts; see `Chain.owner`.
        configured: The names of the settings that were given to `configure()`.
    """

    settings: Settings
    store: Store
    blobs: Blobs
    providers: Providers
    waker: Waker
    clock: Clock
    continuations: Continuations = field(default_factory=Continuations)
    drive: Drive | None = None
    owner: str = ""
    process: str | None = None
    configured: frozenset[str] = frozenset()

    @property
    def owners(self) -> frozenset[str]:
        """Whose work this process does: its own, and that which has no owner."""
        return frozenset({self.owner, ""})

    def __repr__(self) -> str:
        """One line, for a cell of a notebook that ends with `gemchain.configure(...)`."""
        places = [
            ("state", self.settings.state),
            ("store", self.settings.store),
            ("blobs", self.settings.blobs),
        ]
        return f"Runtime({', '.join(f'{name}={place!r}' for name, place in places if place)})"


_builder: Callable[[], Runtime] | None = None
_active: Runtime | None = None


def build_with(builder: Callable[[], Runtime]) -> None:
    """Say how to build a runtime from the environment when one is needed and none is installed."""
    global _builder  # noqa: PLW0603 -- one application, one runtime
    _builder = builder


def install(runtime: Runtime | None) -> Runtime | None:
    """Make `runtime` the current one; None forgets the current one. Returns the one before."""
    global _active
    before, _active = _active, runtime
    return before


def active() -> Runtime:
    """The current runtime, built from the environment when there is none yet.

    Raises:
        ConfigurationError: There is none, and none can be built.
    """
    if _active is None:
        if _builder is None:
            raise ConfigurationError(
                "gemchain is not configured: import gemchain and call gemchain.configure()"
            )
        install(_builder())
    assert _active is not None
    return _active


@contextmanager
def using(runtime: Runtime) -> Iterator[Runtime]:
    """Make `runtime` the current one inside the block."""
    before = install(runtime)
    try:
        yield runtime
    finally:
        install(before)
