"""What the decorators record about a function: `@gemchain.chain` and `@gemchain.callback`."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import Any, NamedTuple, ParamSpec, TypeVar, overload

from gemchain.errors import ContinuationError
from gemchain.records.retry_policy import (
    Backoff,
    ChainDefaults,
    checked_attempts,
    checked_backoff,
    checked_escalation,
)

__all__ = ["ALIASES", "CallbackNames", "ChainOptions", "callback", "callback_names", "chain", "chain_options"]

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
T = TypeVar("T")

AsyncFunction = Callable[P, Coroutine[Any, Any, T]]
"""An `async def` function that takes `P` and returns a `T`."""


class ChainOptions(NamedTuple):
    """What `@gemchain.chain` says of a function.

    Attributes:
        name: The name under which its chains are stored.
        version: Chains that were started under it finish under it.
        defaults: What its prompts inherit.
    """

    name: str
    version: int
    defaults: ChainDefaults


@overload
def chain(function: AsyncFunction[P, T]) -> AsyncFunction[P, T]: ...
@overload
def chain(
    *,
    name: str | None = ...,
    version: int = ...,
    max_attempts: int | None = ...,
    backoff: Backoff | None = ...,
    deadline: timedelta | None = ...,
    retry_if: Callable[..., Any] | None = ...,
    lane: str | None = ...,
    escalate_after: float | timedelta | None = ...,
    model: str | None = ...,
) -> Callable[[AsyncFunction[P, T]], AsyncFunction[P, T]]: ...
def chain(  # noqa: PLR0913 -- named options of a public decorator
    function: Any = None,
    *,
    name: str | None = None,
    version: int = 1,
    max_attempts: int | None = None,
    backoff: Backoff | None = None,
    deadline: timedelta | None = None,
    retry_if: Callable[..., Any] | None = None,
    lane: str | None = None,
    escalate_after: float | timedelta | None = None,
    model: str | None = None,
) -> Any:
    """Make an `async def` function a chain, to be started with `gemchain.start`.

    Inside, `await gemchain.prompt(...)`, `await gemchain.gather([...])`, `await gemchain.wait(...)` and
    `await gemchain.start(...)` may take days and survive crashes and deploys. The function must be
    deterministic between them: it is run again from its start whenever an answer arrives. Take time,
    chance and ids from `gemchain.now()`, `gemchain.random()` and `gemchain.uuid()`.

    Args:
        function: The function, when used without parentheses. It is given back as it is, its signature
            with it.
        name: Keeps chains alive through a renaming of the function; its own name by default.
        version: A number to raise when a change of the source must not reach running chains. Keep the
            old function under its old version until its chains have ended.
        max_attempts: Sends of each of its prompts before that fails. This, and what follows, holds for all
            of the chain's prompts that do not say otherwise, and can be said at `gemchain.start`, too. A
            chain keeps to its end what it began with.
        backoff: Rest before the second attempt of a prompt; see `gemchain.submit`.
        deadline: Time from the start of the chain after which its prompts are not sent any more, and its
            waits end: the program gets a `PromptError` whose `reason` is `deadline`.
        retry_if: Looks at each usable answer and may ask for another; see `gemchain.submit`.
        lane: How its prompts are sent; see `gemchain.submit`.
        escalate_after: Seconds that a batch may take before what is not answered goes over to a faster lane.
        model: The model of its prompts that name none.

    Raises:
        ContinuationError: It is no `async def` function.
        InvalidInputError: One of the defaults can never work.
    """
    defaults = ChainDefaults(
        max_attempts=max_attempts,
        backoff=backoff,
        deadline=deadline,
        retry_if=retry_if,
        lane=lane,
        escalate_after=escalate_after,
        model=model,
    )
    checked_attempts(max_attempts)
    checked_backoff(backoff)
    checked_escalation(escalate_after)

    def mark(marked: F) -> F:
        if not iscoroutinefunction(marked):
            raise ContinuationError(f"@gemchain.chain is for async def functions, not {marked!r}")
        marked.__gemchain_chain__ = ChainOptions(name or marked.__name__, version, defaults)  # type: ignore[attr-defined]
        return marked

    return mark if function is None else mark(function)


def chain_options(function: Any) -> ChainOptions | None:
    """What `@gemchain.chain` said of the function; None when it said nothing."""
    found = getattr(function, "__gemchain_chain__", None)
    return found if isinstance(found, ChainOptions) else None


class CallbackNames(NamedTuple):
    """What `@gemchain.callback` says of a function: its stored name, and those it had before."""

    name: str
    aliases: tuple[str, ...]


ALIASES: dict[str, str] = {}
"""Whole old names, module included, and the names that functions are stored under now."""


def callback(name: str | None = None, aliases: Sequence[str] = ()) -> Callable[[F], F]:
    """Keep a callback's stored name through renames, so that answers on their way still find it.

    Args:
        name: The name it is stored under; its own by default. Then the function may be renamed freely.
        aliases: Names it was stored under before: `finish`, or `old.module:finish` when it has moved. A
            whole name works as soon as the module it lives in now is imported.
    """

    def mark(function: F) -> F:
        stored = name or function.__name__
        if not stored.isidentifier():
            raise ContinuationError(f"a callback's name must be an identifier, not {stored!r}")
        function.__gemchain_name__ = CallbackNames(stored, tuple(aliases))  # type: ignore[attr-defined]
        ALIASES.update({each: f"{function.__module__}:{stored}" for each in aliases if ":" in each})
        return function

    return mark


def callback_names(function: Any) -> CallbackNames | None:
    """What `@gemchain.callback` said of the function; None when it said nothing."""
    found = getattr(function, "__gemchain_name__", None)
    return found if isinstance(found, CallbackNames) else None
