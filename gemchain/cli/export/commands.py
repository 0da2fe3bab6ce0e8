"""The options of `gemchain export`."""

from pathlib import Path
from typing import Annotated

import typer

from gemchain.cli.options import Debug, Format, Json, RunId, State
from gemchain.cli.output.errors import reporting_errors

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(export)


def export(  # noqa: PLR0913, PLR0917 -- the command's options; typer passes them by name
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File: .jsonl, .csv, .json or .parquet, or - for stdout."
        ),
    ],
    function: Annotated[
        str | None, typer.Option("--function", metavar="F", help="Only chains that this function started.")
    ] = None,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="STATE", help="RUNNING, DONE, FAILED, CANCELLED, PARKED or WAITING."),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="PREFIX", help="Only chains whose key begins so.")
    ] = None,
    run: RunId = None,
    format: Format = None,  # noqa: A002
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there already.")
    ] = False,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write the results of chains to a file, in the order in which they were started.

    Each row has id, key, state, function, result or error, tokens, money and times.
    """
    from gemchain.cli.export.chains import export_chains
    from gemchain.cli.state.selection import Selection

    with reporting_errors(debug):
        chosen = Selection(function, only, key, run)
        export_chains(state, output, chosen, text=format, overwrite=overwrite, as_json=as_json)
