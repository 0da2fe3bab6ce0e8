"""`gemchain chains` and `gemchain batches`: tables of the newest ones."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from rich.text import Text

from gemchain.cli.output.json_data import batch_data, chain_data, print_json
from gemchain.cli.output.tables import Column, fitted_table
from gemchain.cli.state.opening import existing
from gemchain.cli.views.drawing import SHORT, STYLES
from gemchain.display.console import wide_console
from gemchain.display.formatting import age, duration, outcomes
from gemchain.errors import InvalidInputError
from gemchain.records import Batch, Chain
from gemchain.records.states import BatchState, ChainState

__all__ = ["list_batches", "list_chains"]

CHAIN_COLUMNS = (
    Column("id"),
    Column("key", 8),
    Column("function", 12, keeps_end=True),
    Column("state"),
    Column("took", 6),
    Column("result or reason", 12),
)
BATCH_COLUMNS = (
    Column("id"),
    Column("model", 12, keeps_end=True),
    Column("state"),
    Column("prompts", 7),
    Column("ago", 6),
    Column("rows or reason", 14),
)
WIDTH = 100
KEY = 16
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
        now = runtime.store.now()
        _print(CHAIN_COLUMNS, [_chain_cells(chain, now) for chain in found], limit)


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
        now = runtime.store.now()
        _print(BATCH_COLUMNS, [_batch_cells(batch, now) for batch in found], limit)


def _batch_cells(batch: Batch, now: datetime) -> list[Text]:
    outcome = f"{batch.failure.reason}: {batch.failure.message}" if batch.failure else outcomes(batch.counts)
    plain = (f"{batch.requests:,}", age(batch.created_at, now), _cut(outcome))
    model = f"{batch.provider}:{batch.model}"
    return [Text(batch.id[:SHORT]), Text(model), _state_cell(batch.state), *map(Text, plain)]


def _state_cell(state: StrEnum) -> Text:
    return Text(state.value, style=STYLES.get(state.value, "default"))


def _cut(text: str, most: int = WIDTH) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _print(columns: Sequence[Column], rows: Sequence[Sequence[Text]], limit: int) -> None:
    console = wide_console()
    if not rows:
        console.print("None.")
        return
    console.print(fitted_table(columns, rows, console.width), highlight=False)
    if len(rows) == limit:
        # The total is not known: the counters also hold what `gemchain gc` removed.
        console.print(f"no more than {limit:,} are shown; see --limit", style="dim", highlight=False)
