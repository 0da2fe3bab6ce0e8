"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Debug",
    "DryRun",
    "FirstRows",
    "Format",
    "Full",
    "Function",
    "Id",
    "Ids",
    "Json",
    "Lane",
    "Limit",
    "ModelName",
    "Overwrite",
    "Partial",
    "ResultsFile",
    "RowsFile",
    "RunId",
    "State",
    "Yes",
]

State = Annotated[
    str | None,
    typer.Option("--state", metavar="DIR", help="State folder; GEMCHAIN_STATE or .gemchain when left out."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for programs.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Chains or prompts.")]
Full = Annotated[bool, typer.Option("--full", help="Show everything, also what needs more than a screen.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="An id, or the unique beginning of one.")]
RunId = Annotated[
    str | None, typer.Option("--run", metavar="RUN", help="What belongs to this run; see `gemchain runs`.")
]
Function = Annotated[
    str | None, typer.Option("--function", metavar="NAME", help="Chains that this function started.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="Show at most so many.")]

ModelName = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="MODEL", help="The model of prompts that name none; `gemchain models` lists them."
    ),
]
Lane = Annotated[
    str | None,
    typer.Option(
        "--lane", metavar="LANE", help="How prompts are sent that name no lane: batch, flex, direct or auto."
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="Format of - and of files without a known ending: jsonl (the default of -), csv, json, parquet; "
        "INPUT:OUTPUT where they differ.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an output file that is no earlier result of this run.")
]
RowsFile = Annotated[
    Path,
    typer.Option(
        "--input", "-i", metavar="FILE", help="One chain per row: .jsonl, .csv or .json, or - for stdin."
    ),
]
ResultsFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Results in input order: .jsonl, .csv, .json or .parquet, or - for stdout.",
    ),
]
FirstRows = Annotated[int | None, typer.Option("--limit", min=0, metavar="N", help="Only the first N rows.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check rows, count prompts and tokens; record and send nothing.")
]
Partial = Annotated[
    bool,
    typer.Option("--partial", help="Keep rows that have ended in FILE.partial.jsonl (or .csv, …) meanwhile."),
]
