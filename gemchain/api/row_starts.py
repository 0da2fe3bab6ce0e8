"""Starting the chain of one row, so that a function that raises fails this row and no other.

Crash story. Nothing is written here. A row's unit creates its chain, with its prompts or as FAILED, and is
committed with those of other rows. A process that dies before the commit leaves no chain, so the next run
starts the row. A row whose function raised is started again by the next run: its unit then moves the FAILED
chain, of the version that was read, and creates the prompts in the same commit. Two runs at once both run
the function, and one of them commits.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from inspect import iscoroutinefunction
from typing import Any, NamedTuple

from gemchain.api.start_units import arguments_text, function_name, start_id, start_unit
from gemchain.durable import values
from gemchain.errors import BlobError, ConfigurationError, StoreError
from gemchain.records import Chain, ChainMove, Unit
from gemchain.records.identity import random_id
from gemchain.records.states import ChainState
from gemchain.runtime import Runtime

__all__ = ["START", "RowStart", "failed_at_start", "start_row"]

START = "start"
"""The reason of a chain whose starting function raised."""

_NOT_THE_ROWS = (StoreError, BlobError, ConfigurationError)
"""Errors that are no fault of the row: they stop the run."""


class RowStart(NamedTuple):
    """What is to be committed for a row.

    Attributes:
        error: What the function raised; None when it did not.
    """

    unit: Unit
    error: BaseException | None


def failed_at_start(chain: Chain) -> bool:
    """Whether the chain's starting function raised: nothing was submitted, and it may be run again."""
    return chain.state is ChainState.FAILED and chain.failure is not None and chain.failure.reason == START


def start_row(
    runtime: Runtime,
    function: Callable[..., Any],
    row: Mapping[str, Any],
    key: str,
    before: Chain | None = None,
) -> RowStart:
    """Run a starting function on a row.

    Args:
        runtime: Where the chain is to be recorded.
        function: Called as `function(**row)`.
        row: The arguments.
        key: The key of the chain.
        before: The chain of an earlier run in which the function raised.

    Raises:
        StoreError: The store failed. So do errors of the file storage and of the configuration.
    """
    try:
        unit, error = start_unit(runtime, function, row, key), None
    except _NOT_THE_ROWS:
        raise
    except (Exception, SystemExit) as raised:  # noqa: BLE001 -- a user's function may raise anything
        unit, error = _failed(runtime, function, row, key, raised), raised
    return RowStart(unit if before is None else _again(unit, before), error)


def _failed(
    runtime: Runtime, function: Callable[..., Any], row: Mapping[str, Any], key: str, error: BaseException
) -> Unit:
    now = runtime.clock.now()
    name, version = _name_and_version(runtime, function)
    chain = Chain(
        id=start_id(function, key),
        key=key,
        function=name,
        code_version=version,
        owner=runtime.owner,
        args=arguments_text((), row),
        created_at=now,
        state=ChainState.FAILED,
        failure=replace(values.failure_of(_as_exception(error)), reason=START, retryable=False),
        ended_at=now,
    )
    return Unit(token=random_id("u"), chain=chain)


def _name_and_version(runtime: Runtime, function: Callable[..., Any]) -> tuple[str, int | None]:
    if not iscoroutinefunction(function):
        return function_name(function), None
    name, _ = runtime.continuations.chain_by_value(function)
    return name, int(name.rpartition("@")[2])


def _as_exception(error: BaseException) -> Exception:
    if isinstance(error, Exception):
        return error
    ended = RuntimeError(f"it ended the program ({type(error).__name__}: {error})")
    return ended.with_traceback(error.__traceback__)


def _again(unit: Unit, before: Chain) -> Unit:
    """The unit that moves the chain that is there, and creates the prompts of the new attempt."""
    chain = unit.chain
    assert chain is not None
    move = ChainMove(
        before.id,
        before.state,
        chain.state,
        chain.result,
        chain.failure,
        chain.ended_at,
        before.version,
        before.owner,
    )
    owned = tuple(each._replace(prompt=replace(each.prompt, owner=before.owner)) for each in unit.drafts)
    return Unit(token=unit.token, drafts=owned, ending=move)
