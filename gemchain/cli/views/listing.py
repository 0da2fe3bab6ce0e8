"""`gemchain chains` and `gemchain batches`: tables of the newest ones."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from rich.text import Text

from gemchain.cli.output.json_data import batch_data, chain_data, print_json
from gemchain.cli.output.tables import Column, fitted_table
from gemchain.cli.state.opening import existing
from gemchain.cli.state.selection import PAGE, Selection, select_chains
from gemchain.cli.state.standing import PARKED, WAITING, standing
from gemchain.cli.views.drawing import SHORT, STYLES
from gemchain.display.console import wide_console
from gemchain.display.formatting import age, duration, outcomes, sent_to
from gemchain.errors import InvalidInputError
from gemchain.ports import Store
from gemchain.records import Batch, Chain
from gemchain.records.states import BatchState

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
    Column("outcome", 14),
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


def list_chains(state: str | None, selection: Selection, *, limit: int, as_json: bool) -> None:
    """Print a table of the chains that are chosen, the newest first where the store can.

    Raises:
        InvalidInputError: There is no such state, or no such run.
    """
    chosen = selection.checked()
    with existing(state) as runtime:
        found = list(islice(_standing(runtime.store, chosen, limit), limit))
        if as_json:
            print_json([chain_data(chain) | {"state": said} for chain, said in found])
            return
        now = runtime.store.now()
        _print(CHAIN_COLUMNS, [_chain_cells(chain, said, now) for chain, said in found], limit)


def _standing(store: Store, selection: Selection, limit: int) -> Iterator[tuple[Chain, str]]:
    """The chains that are chosen, and their states; the prompts are read only for PARKED and WAITING."""
    is_partial = selection.function is not None or selection.state in {PARKED, WAITING}
    for chain in select_chains(store, selection, PAGE if is_partial else min(limit, PAGE)):
        if selection.state not in {PARKED, WAITING}:
            yield chain, chain.state.value
            continue
        state, failure = standing(chain, store.chain_prompts(chain.id))
        if state == selection.state:
            yield replace(chain, failure=failure), state


def _chain_cells(chain: Chain, state: str, now: datetime) -> list[Text]:
    took = duration(((chain.ended_at or now) - chain.created_at).total_seconds())
    outcome = f"{chain.failure.reason}: {chain.failure.message}" if chain.failure else chain.result or ""
    plain = (chain.id[:SHORT], _cut(chain.key or "", KEY), chain.function)
    return [
        *map(Text, plain),
        _state_cell(state),
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
    model = sent_to(batch)
    return [Text(batch.id[:SHORT]), Text(model), _state_cell(batch.state.value), *map(Text, plain)]


def _state_cell(state: str) -> Text:
    return Text(state, style=STYLES.get(state, "default"))


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
