"""Writing the results in the order of the rows, into a file that appears completely or not at all."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from gemchain.api.keys import Call, same_call
from gemchain.base.chunks import chunked
from gemchain.cli.run.parameters import ID, Params
from gemchain.cli.run.starting import GROUP, row_chain_id
from gemchain.errors import BlobError, InvalidInputError
from gemchain.records import Chain, Failure
from gemchain.records.states import OPEN_PROMPT, ChainState, PromptState
from gemchain.runtime import active

__all__ = ["PARKED", "WAITING", "Summary", "check_output", "write_results"]

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


def check_output(output: Path, rows: Path) -> None:
    """Check before the work whether the results can be written.

    Raises:
        InvalidInputError: They cannot be written.
    """
    if output.is_dir():
        raise InvalidInputError(f"--output {str(output)!r} is a folder; name a file")
    if output.resolve() == rows.resolve():
        raise InvalidInputError(f"--output {str(output)!r} is the input; name another file")
    if not output.absolute().parent.is_dir():
        raise InvalidInputError(f"--output {str(output)!r}: there is no folder {str(output.parent)!r}")
    probe = _temporary(output)
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InvalidInputError(f"--output {str(output)!r} cannot be written: {error.strerror}") from error


def _temporary(output: Path) -> Path:
    return output.with_name(f".{output.name}.{os.getpid()}.unfinished")


def write_results(function: Callable[..., Any], rows: Iterable[Params], output: Path) -> Summary:
    """Write one line for each row.

    Raises:
        BlobError: The disk is full or the folder is gone. An older file of that name is unchanged.
        InvalidInputError: A row has no chain, because the input has changed since the start.
    """
    summary = Summary()
    with _replacing(output) as file:
        for group in chunked(rows, GROUP):
            for line in _lines(function, group, summary):
                file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return summary


@contextmanager
def _replacing(output: Path) -> Iterator[IO[bytes]]:
    temporary = _temporary(output)
    try:
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(output)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise BlobError(f"results cannot be written to {str(output)!r}: {error.strerror}") from error


def _lines(
    function: Callable[..., Any], group: Sequence[Params], summary: Summary
) -> Iterator[dict[str, Any]]:
    ids = [row_chain_id(function, row) for row in group]
    chains = active().store.chains(ids)
    for row, identity in zip(group, ids, strict=True):
        chain = chains.get(identity)
        if chain is None:
            raise InvalidInputError(
                f"row {row.row.number} (line {row.row.line}) has no chain; the input has changed since the "
                "start. Run the same command again"
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
        return line | {"result": orjson.Fragment(chain.result or "null")}
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
