"""`gemchain export`: the results of chains that were started at any time, in the order of their starts."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext, redirect_stdout
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import orjson

from gemchain.cli.export.functions import check_function
from gemchain.cli.output.json_data import json_value, print_json
from gemchain.cli.state.opening import existing
from gemchain.cli.state.selection import Selection, select_chains
from gemchain.cli.state.standing import standing
from gemchain.data.columns import Column, JsonText
from gemchain.data.layouts import formats_of
from gemchain.data.ordering import Sorter
from gemchain.data.outputs import Output, output_of
from gemchain.data.streams import bytes_of
from gemchain.display.console import PlainConsole
from gemchain.display.formatting import count
from gemchain.errors import BlobError, InvalidInputError
from gemchain.ports import Store
from gemchain.records import NO_USAGE, Chain, Usage
from gemchain.records.arguments import arguments_of
from gemchain.records.states import ChainState

__all__ = ["COLUMNS", "export_chains"]

COLUMNS = (
    Column("id"),
    Column("key"),
    Column("state"),
    Column("function"),
    Column("result"),
    Column("error_reason", path=("error", "reason")),
    Column("error_message", path=("error", "message")),
    Column("prompt_tokens", "integer"),
    Column("answer_tokens", "integer"),
    Column("cost", "number"),
    Column("full_cost", "number"),
    Column("created_at", "time"),
    Column("ended_at", "time"),
)
"""The columns of CSV and Parquet. JSONL and JSON have the same fields, but `error` as one object."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def export_chains(
    state: str | None, output: Path, selection: Selection, *, text: str | None, overwrite: bool, as_json: bool
) -> None:
    """Write the chains of a state.

    Args:
        state: The state's folder.
        output: A file, or `-`.
        selection: Which chains.
        text: `--format`.
        overwrite: Whether a file that is there may be replaced.
        as_json: Print the summary as JSON.

    Raises:
        InvalidInputError: The output cannot be written or is there already, there is no such state, or no
            chain was started by the function. Nothing is written.
        BlobError: The disk is full. An older file is unchanged.
    """
    chosen = selection.checked()
    target = output_of(output, formats_of(text).output)
    target.check_writable()
    if target.has_content and not overwrite:
        raise InvalidInputError(
            f"{str(output)!r} exists. Name another file, or say --overwrite to replace it"
        )
    standard_output = bytes_of(sys.stdout, "standard output", used=target.standard)
    with redirect_stdout(sys.stderr) if target.standard else nullcontext():
        states: Counter[str] = Counter()
        with existing(state) as runtime:
            check_function(runtime.store, chosen.function)
            with target.writing(COLUMNS, standard_output) as write:
                for row in _in_order(runtime.store, chosen):
                    states[row["state"]] += 1
                    write(row)
        _print_summary(states, target, as_json=as_json)


def _print_summary(states: Counter[str], output: Output, *, as_json: bool) -> None:
    if as_json:
        print_json({"chains": states.total(), "states": dict(states), "output": str(output.path)})
        return
    each = ", ".join(f"{number:,} {state}" for state, number in sorted(states.items()))
    line = f"{count(states.total(), 'chain')}{f' ({each})' if each else ''} → {output.name}"
    PlainConsole(highlight=False).print(line, soft_wrap=True, markup=False)


def _in_order(store: Store, selection: Selection) -> Iterator[dict[str, Any]]:
    """The rows in the order in which their chains were started. Stores list chains in another order."""
    try:
        with Sorter() as sorter:
            for chain in select_chains(store, selection):
                row = _row(store, chain)
                if selection.state in {None, row["state"]}:
                    sorter.add((chain.created_at - _EPOCH) // timedelta(microseconds=1), orjson.dumps(row))
            for line in sorter:
                row = orjson.loads(line)
                if "result" in row:
                    row["result"] = JsonText(row["result"])
                yield row
    except OSError as error:
        raise BlobError(
            f"chains cannot be sorted in the folder of temporary files: {error.strerror}"
        ) from error


def _row(store: Store, chain: Chain) -> dict[str, Any]:
    """A row; its result is JSON text. What it cost is None when `gemchain gc` removed the prompts."""
    prompts = list(store.chain_prompts(chain.id))
    removed = not prompts and arguments_of(chain.args) is None
    usage = reduce(Usage.plus, (each.progress.usage for each in prompts), NO_USAGE)
    state, failure = standing(chain, prompts)
    outcome: dict[str, Any] = {"error": failure and {"reason": failure.reason, "message": failure.message}}
    if chain.state is ChainState.DONE:
        outcome = {"result": chain.result or "null"}
    return {
        "id": chain.id,
        "key": chain.key,
        "state": state,
        "function": chain.function,
        **outcome,
        **(dict.fromkeys(Usage._fields) if removed else usage._asdict()),
        "created_at": json_value(chain.created_at),
        "ended_at": json_value(chain.ended_at),
    }
