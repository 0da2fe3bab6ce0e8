"""What runs now: the buffer into which a callback submits, and what `current()` shows of it.

Inside a callback nothing is written. Submits gather here; when the callback returns, they become
prompts in the same commit that marks its own prompt handled. A callback that raises, or that runs
twice, therefore leaves nothing behind.
"""

from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from gemchain.durable.described import Described
from gemchain.records import Draft, Prompt
from gemchain.records.frozen import frozen
from gemchain.records.identity import child_id, join_id
from gemchain.records.retry_policy import NO_POLICY, RetryPolicy, inherited

__all__ = ["Current", "Item", "Scope", "current", "entered", "open_scope"]


class Current(NamedTuple):
    """The callback that runs now.

    Attributes:
        prompt_id: The prompt whose answer it handles; None inside a starting function.
        attempt: The send that brought the answer, counted from 1.
        idempotency_key: The same for every run of this callback on this prompt: hand it to services
            outside, so that an effect which is repeated after a crash counts once.
    """

    chain_id: str
    prompt_id: str | None
    attempt: int
    idempotency_key: str


@frozen()
class Item:
    """What one submit or one gather adds: a prompt, or a join with the beginnings of its branches."""

    draft: Draft
    branches: tuple["Item", ...] = ()


@dataclass(slots=True)
class Scope:
    """The submits of one run of one function.

    Attributes:
        parent: The prompt whose answer the function handles; None for a starting function.
        created_at: When its prompts count as created.
        given: The rules of a chain that begins here.
        given_owner: The owner of a chain that begins here.
        starts: Chains started inside it without a key.
        started: Whether any chain was started inside it.
        described: What it has described and not sent.
    """

    chain_id: str
    parent: Prompt | None
    created_at: datetime
    given: RetryPolicy = NO_POLICY
    given_owner: str = ""
    items: list[Item] = field(default_factory=list)
    starts: int = 0
    started: bool = False
    described: Described = field(default_factory=Described)

    @property
    def origin(self) -> str:
        """The id from which the ids of its prompts derive."""
        return self.parent.id if self.parent else self.chain_id

    @property
    def owner(self) -> str:
        """The owner of its prompts, and of the chains that are started inside it."""
        return self.parent.owner if self.parent else self.given_owner

    @property
    def rules(self) -> RetryPolicy:
        """What its prompts inherit."""
        return inherited(self.parent.rules) if self.parent else self.given

    def next_id(self) -> str:
        """The id of the prompt that is submitted next."""
        return child_id(self.origin, len(self.items))

    def next_join_id(self) -> str:
        """The id of the join that is declared next."""
        return join_id(self.origin, len(self.items))

    def children(self) -> tuple[Draft, ...]:
        """The drafts, placed: a lone child keeps its parent's path, several take a branch each."""
        if len(self.items) == 1:
            only = self.items[0]
            return tuple(_unfolded(only)) if only.branches else (only.draft,)
        return tuple(
            draft
            for index, item in enumerate(self.items)
            for draft in _unfolded(_placed(item, f"{item.draft.prompt.path}.{index}"))
        )


def _placed(item: Item, path: str) -> Item:
    return Item(Draft(replace(item.draft.prompt, path=path, forked=True), item.draft.request), item.branches)


def _unfolded(item: Item) -> Iterator[Draft]:
    """A join before its branches, each branch placed below it."""
    yield item.draft
    for index, branch in enumerate(item.branches):
        yield from _unfolded(_placed(branch, f"{item.draft.prompt.path}.{index}"))


_scope: ContextVar[Scope | None] = ContextVar("gemchain_scope", default=None)


def open_scope() -> Scope | None:
    """The buffer of the function that runs now; None outside of any."""
    return _scope.get()


class entered:  # noqa: N801 -- reads as a function; a generator would cost more than many a callback
    """Let submits inside the block gather in `scope`."""

    __slots__ = ("_mark", "_scope")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __enter__(self) -> Scope:
        self._mark = _scope.set(self._scope)
        return self._scope

    def __exit__(self, *_: object) -> None:
        _scope.reset(self._mark)


def current() -> Current:
    """The callback that runs now.

    Raises:
        LookupError: None does.
    """
    scope = _scope.get()
    if scope is None:
        raise LookupError("gemchain.current() is for callbacks; none is running here")
    parent = scope.parent
    if parent is None:
        return Current(scope.chain_id, None, 1, scope.chain_id)
    return Current(scope.chain_id, parent.id, parent.progress.attempt, parent.id)
