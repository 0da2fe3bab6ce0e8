"""The commands and their options. The module of a command is imported when the command runs."""

import inspect
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from gemchain.cli.change import commands as change_commands
from gemchain.cli.export import commands as export_commands
from gemchain.cli.options import (
    Debug,
    DryRun,
    FirstRows,
    Format,
    Json,
    Lane,
    ModelName,
    Overwrite,
    Partial,
    ResultsFile,
    RowsFile,
    State,
)
from gemchain.cli.output.errors import reporting_errors
from gemchain.cli.project import commands
from gemchain.cli.serve import commands as serve_commands
from gemchain.cli.views import commands as view_commands

__all__ = ["app"]

app = typer.Typer(
    name="gemchain",
    help="Prompt chains as plain functions, run through the batch APIs of LLM providers at half the price.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from gemchain import __version__

        print(f"gemchain {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def run(  # noqa: PLR0913, PLR0917 -- the command's options; typer passes them by name
    target: Annotated[
        str, typer.Argument(metavar="FILE:FUNCTION", help="The function that starts a chain, and its file.")
    ],
    rows: RowsFile,
    output: ResultsFile = None,
    format: Format = None,  # noqa: A002
    limit: FirstRows = None,
    dry_run: DryRun = False,
    partial: Partial = False,
    overwrite: Overwrite = False,
    state: State = None,
    model: ModelName = None,
    lane: Lane = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, metavar="SECONDS", help="Stop after so many seconds.")
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Start nothing if the function raises on a row. It runs twice then."),
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also do the work of other runs and programs in this state.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Start one chain for each row, and drive them all to the end.

    You can stop it at any time: the same command continues where it stopped, and sends nothing twice.
    It sends what belongs to this run and nothing else. A row on which the function raises is FAILED; the
    others go on, and the same command starts it again.

    Exit codes: 0 all done; 1 some failed, are parked or still run; 2 bad input; 3 the disk, the store or the
    provider failed, continue later; 130 interrupted.
    """
    if dry_run:
        from gemchain.cli.dry_run.command import DryRunOptions, rehearse_rows

        with reporting_errors(debug):
            chosen = (model, lane, format, limit, overwrite, partial)
            given = DryRunOptions(target, rows, output, state, *chosen, as_json=as_json)
            raise typer.Exit(rehearse_rows(given))
    if output is None:
        raise typer.BadParameter(
            "name a file for the results, or - for stdout", param_hint="'--output' / '-o'"
        )
    from gemchain.cli.run.command import RunOptions, run_rows

    shown, of_files = (quiet, as_json), (format, limit, overwrite, partial)
    options = RunOptions(
        *(target, rows, output, state, model, lane, timeout, *shown, strict, everything),
        *(_this_command(), *of_files),
    )
    with reporting_errors(debug, options.command_to_continue()):
        raise typer.Exit(run_rows(options))


def _this_command() -> tuple[str, ...]:
    """The command as it can be typed again: by its name where the shell finds it, else by its path."""
    typed = Path(sys.argv[0])
    found = shutil.which("gemchain")
    is_path = typed.name == "gemchain" and typed.exists()
    not_on_path = is_path and (found is None or not typed.samefile(found))
    return (str(typed) if not_on_path else "gemchain", *sys.argv[1:])


view_commands.add_to(app)
change_commands.add_to(app)
commands.add_to(app)
export_commands.add_to(app)
serve_commands.add_to(app)

for each in app.registered_commands:
    # Typer keeps the line breaks of a docstring, and they are not those of a terminal.
    paragraphs = inspect.cleandoc(each.help or getattr(each.callback, "__doc__", None) or "").split("\n\n")
    each.help = "\n\n".join(" ".join(one.split("\n")) for one in paragraphs)
