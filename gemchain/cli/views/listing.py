"""`gemchain chains` and `gemchain batches`: tables of the newest ones."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from rich.table import Table
from rich.text import Text

from gemchain.cli.output.console import wide_console
from gemchain.cli.output.formatting import age, duration
from gemchain.cli.output.json_data import batch_data, chain_data, print_json
from gemchain.cli.state.opening import existing
from gemchain.errors import InvalidInputError
from gemchain.records import Batch, Chain
from gemchain.records.states import BatchState, ChainState

__all__ = ["STYLES", "list_batches", "list_chains"]

STYLES = {
    "DONE": "green", "CLOSED": "green", "FAILED": "red", "PARKED": "yellow", "ANSWERED": "yellow",
    "CANCELLED": "dim", "RUNNING": "cyan", "CLAIMED": "cyan", "SENT": "cyan",
}  # fmt: skip
WIDTH = 100
KEY = 16
SHORT = 13
"""Characters of an id in a table: enough to be unique, and few enough to be typed."""

S = TypeVar("S", bound=StrEnum)


def _state(known: type[S], text: str | None) -> S | None:
    if text is None:
        return None
    try:
        return known(text.upper())
    except ValueError as error:
        raise InvalidInputError(f"--only takes {', '.join(known)}, not {text!r}") from error


def list_chains(state: str | None, *, only: str | None, limit: int, as_json: bool) -> None:
    """Print a table of chains, the newest first."""
    with existing(state) as runtime:
        found = runtime.store.list_chains(state=_state(ChainState, only), limit=limit)
        if as_json:
            print_json([chain_data(chain) for chain in found])
            return
        _print(_chain_table(found, runtime.store.now()), found, limit)


def _chain_table(chains: list[Chain], now: datetime) -> Table:
    return _table(
        ("id", "key", "function", "state", "took", "result or reason"),
        [_chain_cells(chain, now) for chain in chains],
    )


def _chain_cells(chain: Chain, now: datetime) -> list[Text]:
    took = duration(((chain.ended_at or now) - chain.created_at).total_seconds())
    outcome = f"{chain.failure.reason}: {chain.failure.message}" if chain.failure else chain.result or ""
    plain = (chain.id[:SHORT], _cut(chain.key or "", KEY), chain.function)
    return [
        *map(Text, plain),
        _state_cell(chain.state),
        Text(took),
        Text(_cut(outcome)),
    ]


def list_batches(state: str | None, *, only: str | None, limit: int, as_json: bool) -> None:
    """Print a table of batches, the newest first."""
    with existing(state) as runtime:
        found = runtime.store.list_batches(state=_state(BatchState, only), limit=limit)
        if as_json:
            print_json([batch_data(batch) for batch in found])
            return
        _print(_batch_table(found, runtime.store.now()), found, limit)


def _batch_table(batches: list[Batch], now: datetime) -> Table:
    return _table(
        ("id", "model", "state", "prompts", "ago", "rows or reason"),
        [_batch_cells(batch, now) for batch in batches],
    )


def _batch_cells(batch: Batch, now: datetime) -> list[Text]:
    rows = ", ".join(f"{number:,} {name}" for name, number in batch.counts._asdict().items() if number)
    outcome = f"{batch.failure.reason}: {batch.failure.message}" if batch.failure else rows
    plain = (f"{batch.requests:,}", age(batch.created_at, now), _cut(outcome))
    model = f"{batch.provider}:{batch.model}"
    return [Text(batch.id[:SHORT]), Text(model), _state_cell(batch.state), *map(Text, plain)]


def _state_cell(state: StrEnum) -> Text:
    return Text(state.value, style=STYLES.get(state.value, "default"))


def _table(names: Sequence[str], rows: Sequence[Sequence[Text]]) -> Table:
    """A table whose last column is cut when the terminal is narrow; ids and states are never cut."""
    table = Table(box=None, pad_edge=False, expand=False)
    for place, name in enumerate(names[:-1]):
        table.add_column(name, no_wrap=True, min_width=max([len(name), *(len(row[place]) for row in rows)]))
    table.add_column(names[-1], no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*row)
    return table


def _cut(text: str, most: int = WIDTH) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _print(table: Table, found: list[Chain] | list[Batch], limit: int) -> None:
    console = wide_console()
    if not found:
        console.print("None.")
        return
    console.print(table, highlight=False)
    if len(found) == limit:
        # The total is not known: the counters also hold what `gemchain gc` removed.
        console.print(f"no more than {limit:,} are shown; see --limit", style="dim", highlight=False)
