"""`gemchain chains` and `gemchain batches`: tables of the newest."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from textwrap import shorten
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from gemchain.cli.opening import existing
from gemchain.cli.plain import batch_data, chain_data, emit
from gemchain.cli.wording import age, duration, moment
from gemchain.errors import InvalidInputError
from gemchain.records import Batch, Chain
from gemchain.states import BatchState, ChainState

__all__ = ["STYLES", "list_batches", "list_chains"]

STYLES = {
    "DONE": "green", "CLOSED": "green", "FAILED": "red", "PARKED": "yellow", "ANSWERED": "yellow",
    "CANCELLED": "dim", "RUNNING": "cyan", "CLAIMED": "cyan", "SENT": "cyan",
}  # fmt: skip
WIDTH = 60

S = TypeVar("S", bound=StrEnum)


def _state(kind: Callable[[str], S], given: str | None, known: type[S]) -> S | None:
    if given is None:
        return None
    try:
        return kind(given.upper())
    except ValueError as error:
        raise InvalidInputError(f"--only takes {', '.join(known)}, not {given!r}") from error


def list_chains(state: str | None, *, only: str | None, limit: int, as_json: bool) -> None:
    """Print chains."""
    with existing(state) as runtime:
        found = runtime.store.list_chains(state=_state(ChainState, only, ChainState), limit=limit)
        if as_json:
            emit([chain_data(chain) for chain in found])
            return
        _print(_chain_table(found, runtime.store.now()), found, sum(runtime.store.tally().chains.values()))


def _chain_table(chains: list[Chain], now: datetime) -> Table:
    table = Table(
        "id", "key", "function", "state", "started", "took", "result or reason", box=None, pad_edge=False
    )
    for chain in chains:
        ended = chain.ended_at or now
        said = chain.failure.reason + ": " + chain.failure.message if chain.failure else chain.result or ""
        table.add_row(
            chain.id[:13],
            shorten(chain.key or "", 20),
            chain.function,
            f"[{STYLES[chain.state]}]{chain.state}",
            moment(chain.created_at),
            duration((ended - chain.created_at).total_seconds()),
            _text(said),
        )
    return table


def _text(said: str) -> str:
    from rich.markup import escape

    return escape(shorten(said, WIDTH, placeholder="…"))


def list_batches(state: str | None, *, only: str | None, limit: int, as_json: bool) -> None:
    """Print batches."""
    with existing(state) as runtime:
        found = runtime.store.list_batches(state=_state(BatchState, only, BatchState), limit=limit)
        if as_json:
            emit([batch_data(batch) for batch in found])
            return
        _print(_batch_table(found, runtime.store.now()), found, sum(runtime.store.tally().batches.values()))


def _batch_table(batches: list[Batch], now: datetime) -> Table:
    table = Table(
        "id", "model", "state", "prompts", "created", "age", "rows", "job or reason", box=None, pad_edge=False
    )
    for batch in batches:
        rows = ", ".join(f"{number:,} {name}" for name, number in batch.counts._asdict().items() if number)
        said = f"{batch.failure.reason}: {batch.failure.message}" if batch.failure else batch.job or ""
        table.add_row(
            batch.id[:13],
            f"{batch.provider}:{batch.model}",
            f"[{STYLES.get(batch.state, 'default')}]{batch.state}",
            f"{batch.requests:,}",
            moment(batch.created_at),
            age(batch.created_at, now),
            rows,
            _text(said),
        )
    return table


def _print(table: Table, found: list[Chain] | list[Batch], total: int) -> None:
    console = Console()
    if not found:
        console.print("None.")
        return
    console.print(table, highlight=False)
    if len(found) < total:
        console.print(f"{len(found):,} of {total:,}; --limit shows more", style="dim", highlight=False)
