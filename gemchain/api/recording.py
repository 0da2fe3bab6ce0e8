"""Recording new chains in the store.

Crash story. One commit records a chain and its first prompts; a process that dies before it left
nothing, one that dies after it left a chain that the engine carries on. With a `key` the ids are
derived, so asking again finds the chain instead of starting a second one.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gemchain.api.chains import PromptHandle
from gemchain.api.scope import Scope
from gemchain.api.specs import GatherSpec, PromptSpec, WaitSpec
from gemchain.api.validation import make_item
from gemchain.base.chunks import chunked
from gemchain.errors import StoreConflictError
from gemchain.functions.application import known_home
from gemchain.records import Chain, Unit, Verdict
from gemchain.records.identity import chain_id, random_id
from gemchain.runtime import Runtime

__all__ = ["NewChains", "add_to_chain", "groups", "record_chains", "start_lone_chains"]


GROUP = 2_000
"""Chains that one commit starts, unless their requests are large. The store may split it further."""

GROUP_BYTES = 32 << 20
"""Bytes of requests that are held in memory until they are committed."""


def groups(items: Iterable[Any]) -> Iterator[list[Any]]:
    """The items, as many at a time as one commit starts chains; a generator is read group by group."""
    return chunked(items, GROUP)


class NewChains:
    """Chains to be recorded together, each id once.

    Args:
        runtime: Where to.

    Attributes:
        refused: Chains that another process recorded first, as they are in the store.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._units: dict[str, Unit] = {}
        self._size = 0
        self.refused: dict[str, Chain] = {}

    def add(self, unit: Unit) -> Chain:
        """One more; a chain that is there already is left as it is. Returns the chain as it was given."""
        assert unit.chain is not None
        if unit.chain.id not in self._units:
            self._units[unit.chain.id] = unit
            self._size += sum(each.prompt.size for each in unit.drafts)
            if self._size >= GROUP_BYTES:
                self.record()
        return unit.chain

    def record(self) -> None:
        """Record what has gathered."""
        units, self._units, self._size = list(self._units.values()), {}, 0
        self.refused |= record_chains(self._runtime, units)


def add_to_chain(runtime: Runtime, scope: Scope, spec: PromptSpec | GatherSpec | WaitSpec) -> PromptHandle:
    """Let the running function submit what is described: it is recorded when the function has returned.

    Raises:
        InvalidInputError: It can never work.
    """
    item = make_item(runtime, scope, spec)
    scope.items.append(item)
    return PromptHandle(item.draft.prompt.id, scope.chain_id)


def start_lone_chains(runtime: Runtime, specs: Sequence[PromptSpec | GatherSpec]) -> list[PromptHandle]:
    """Record each of these as the start of a chain of its own, in a few commits.

    Raises:
        InvalidInputError: One of them can never work.
        StoreError: They could not be recorded.
    """
    handles: list[PromptHandle] = []
    new = NewChains(runtime)
    for spec in specs:
        unit = _lone_chain(runtime, spec)
        assert unit.chain is not None
        new.add(unit)
        handles.append(PromptHandle(unit.drafts[0].prompt.id, unit.chain.id))
    new.record()
    runtime.waker.hurry()
    return handles


def _lone_chain(runtime: Runtime, spec: PromptSpec | GatherSpec) -> Unit:
    callback = spec.callback
    name = (
        "gemchain:submit"
        if callback is None
        else f"{known_home(callback)}:{getattr(callback, '__qualname__', 'callback')}"
    )
    identity = random_id("c") if spec.key is None else chain_id(name, spec.key)
    scope = Scope(identity, None, runtime.clock.now(), given_owner=runtime.owner)
    scope.items.append(make_item(runtime, scope, spec))
    drafts = scope.children()
    chain = Chain(
        id=identity,
        key=spec.key,
        function=name,
        owner=scope.owner,
        created_at=scope.created_at,
        labels=drafts[0].prompt.labels,
    )
    return Unit(token=random_id("u"), chain=chain, drafts=drafts)


def record_chains(runtime: Runtime, units: Sequence[Unit]) -> dict[str, Chain]:
    """Record new chains. Those that exist already are left as they are: another process was first.

    Returns:
        The chains that were left, as they are in the store.
    """
    if not units:
        return {}
    verdicts = runtime.store.commit(units)
    pairs = zip(units, verdicts, strict=True)
    refused = [unit.chain.id for unit, each in pairs if each is Verdict.CONFLICT and unit.chain is not None]
    left = runtime.store.chains(refused) if refused else {}
    lost = set(refused) - set(left)
    if lost:
        raise StoreConflictError(
            f"{len(lost)} chains were not recorded, as {min(lost)}: ids of prompts exist already"
        )
    return left
