"""Writing the results in the order of the rows."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gemchain.api.keys import Call, same_call
from gemchain.base.chunks import chunked
from gemchain.cli.run.files import Files
from gemchain.cli.run.parameters import ID, Params
from gemchain.cli.run.starting import GROUP, row_chain_id
from gemchain.data.columns import Column, JsonText
from gemchain.errors import InvalidInputError
from gemchain.records import Chain, Failure
from gemchain.records.states import OPEN_PROMPT, ChainState, PromptState
from gemchain.runtime import active

__all__ = ["COLUMNS", "FIELDS", "PARKED", "WAITING", "Summary", "finished_rows", "write_results"]

PARKED = "PARKED"
WAITING = "WAITING"


@dataclass(slots=True)
class Summary:
    """The outcome of the rows.

    Attributes:
        states: Rows by the state of their chain. A chain that cannot continue without a person counts as
            PARKED, or as WAITING when it waits by its own `gemchain.wait`.
        failures: How often each state, reason and message came.
        examples: One chain for each of them.
        changed: Rows that differ from those that their chains were started with.
    """

    states: Counter[str] = field(default_factory=Counter)
    failures: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str, str], str] = field(default_factory=dict)
    changed: int = 0

    @property
    def all_done(self) -> bool:
        """Whether every row has a result."""
        return set(self.states) <= {ChainState.DONE.value}


COLUMNS = (
    Column("id"),
    Column("chain"),
    Column("state"),
    Column("result"),
    Column("error_reason", path=("error", "reason")),
    Column("error_message", path=("error", "message")),
)
"""The columns of formats without objects."""

FIELDS = frozenset({"id", "chain", "state", "result", "error"})
"""The fields of a row in the other formats; it has `result` or `error`."""


def write_results(
    function: Callable[..., Any],
    rows: Iterable[Params],
    files: Files,
    before_replacing: Callable[[Path], None] | None = None,
) -> Summary:
    """Write one row for each row of the input.

    Args:
        function: The function that started the chains.
        rows: The rows of the input.
        files: Where to write to.
        before_replacing: See `Output.writing`.

    Raises:
        BlobError: The disk is full or the folder is gone. An older file of that name is unchanged.
        InvalidInputError: A row has no chain, because the input has changed since the start.
    """
    summary = Summary()
    with files.written.writing(COLUMNS, files.standard_output, before_replacing) as write:
        for group in chunked(rows, GROUP):
            for line in _lines(function, group, summary):
                write(line)
    return summary


def finished_rows(function: Callable[..., Any], rows: Iterable[Params]) -> Iterator[dict[str, Any]]:
    """The results of the rows whose chains have ended; the other rows are left out."""
    summary = Summary()
    for group in chunked(rows, GROUP):
        ids = [row_chain_id(function, row) for row in group]
        chains = active().store.chains(ids)
        for row, identity in zip(group, ids, strict=True):
            chain = chains.get(identity)
            if chain is not None and chain.state is not ChainState.RUNNING:
                yield _line(row, chain, summary)


def _lines(
    function: Callable[..., Any], group: Sequence[Params], summary: Summary
) -> Iterator[dict[str, Any]]:
    ids = [row_chain_id(function, row) for row in group]
    chains = active().store.chains(ids)
    for row, identity in zip(group, ids, strict=True):
        chain = chains.get(identity)
        if chain is None:
            raise InvalidInputError(
                f"{row.row.place} has no chain; the input has changed since the start. "
                "Run the same command again"
            )
        summary.changed += not same_call(chain, Call(function, (), row))
        yield _line(row, chain, summary)


def _line(row: Params, chain: Chain, summary: Summary) -> dict[str, Any]:
    state, failure = chain.state.value, chain.failure
    if chain.state is ChainState.RUNNING:
        state, failure = _waiting(chain)
    summary.states[state] += 1
    line = {"id": row.row.fields.get(ID, row.row.number), "chain": chain.id, "state": state}
    if chain.state is ChainState.DONE:
        return line | {"result": JsonText(chain.result or "null")}
    if chain.state is ChainState.CANCELLED:
        why = "the chain was cancelled; under another id, or in a fork, the row starts anew"
        return line | {"error": {"reason": "cancelled", "message": why}}
    if failure is None:
        return line | {"error": None}
    kind = (state, failure.reason, failure.message.partition("\n")[0])
    summary.failures[kind] += 1
    summary.examples.setdefault(kind, chain.id)
    return line | {"error": {"reason": failure.reason, "message": failure.message}}


def _waiting(chain: Chain) -> tuple[str, Failure | None]:
    """The state to report for a chain that has not ended: RUNNING, PARKED or WAITING, and the reason."""
    prompts = list(active().store.chain_prompts(chain.id))
    if any(prompt.progress.state in OPEN_PROMPT for prompt in prompts):
        return ChainState.RUNNING.value, None
    for prompt in prompts:
        if prompt.progress.state is PromptState.PARKED:
            return PARKED, prompt.progress.failure
    for prompt in prompts:
        if prompt.kind == "wait" and prompt.progress.state is PromptState.WAITING:
            name = f": {prompt.key!r}" if prompt.key else ""
            return WAITING, Failure("waiting", f"waits for a person to resume it{name}")
    return ChainState.RUNNING.value, None
