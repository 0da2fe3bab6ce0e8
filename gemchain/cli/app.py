"""The commands and their options. The module of a command is imported when the command runs."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from gemchain.cli.output.errors import reporting_errors
from gemchain.cli.project import commands

__all__ = ["app"]

app = typer.Typer(
    name="gemchain",
    help="Prompt chains as plain functions, run through the batch APIs of LLM providers at half the price.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

State = Annotated[
    str | None,
    typer.Option("--state", metavar="DIR", help="State folder; GEMCHAIN_STATE or .gemchain when left out."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for programs.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Chains or prompts.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="An id, or the unique beginning of one.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="Show at most so many.")]


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
    rows: Annotated[
        Path,
        typer.Option("--input", "-i", metavar="FILE", help="One chain per row: JSONL, or CSV by its ending."),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="File for the results: JSONL, in input order."),
    ],
    state: State = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, metavar="SECONDS", help="Stop after so many seconds.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Start one chain for each row, and drive them all to the end.

    You can stop it at any time: the same command continues where it stopped, and sends nothing twice.
    Exit codes: 0 all done; 1 some failed, are parked or still run; 2 bad input; 3 the disk, the store or the
    provider failed, continue later; 130 interrupted.
    """
    from gemchain.cli.run.command import RunOptions, run_rows

    options = RunOptions(target, rows, output, state, timeout, quiet, as_json, _this_command())
    with reporting_errors(debug, options.command_to_continue()):
        raise typer.Exit(run_rows(options))


def _this_command() -> tuple[str, ...]:
    """The command as it can be typed again: by its name where the shell finds it, else by its path."""
    typed = Path(sys.argv[0])
    found = shutil.which("gemchain")
    is_path = typed.name == "gemchain" and typed.exists()
    not_on_path = is_path and (found is None or not typed.samefile(found))
    return (str(typed) if not_on_path else "gemchain", *sys.argv[1:])


@app.command()
def status(state: State = None, as_json: Json = False, debug: Debug = False) -> None:
    """Show how many chains, prompts and batches there are, what they wait for, and what to type next."""
    from gemchain.cli.views.status import show_status

    with reporting_errors(debug):
        show_status(state, as_json=as_json)


@app.command()
def chains(
    only: Annotated[
        str | None, typer.Option("--only", metavar="STATE", help="RUNNING, DONE, FAILED or CANCELLED.")
    ] = None,
    limit: Limit = 20,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List chains, the newest first."""
    from gemchain.cli.views.listing import list_chains

    with reporting_errors(debug):
        list_chains(state, only=only, limit=limit, as_json=as_json)


@app.command()
def batches(
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="STATE", help="PLANNED, WRITTEN, SENT, ARRIVED, CLOSED or FAILED."),
    ] = None,
    limit: Limit = 20,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List batches, the newest first."""
    from gemchain.cli.views.listing import list_batches

    with reporting_errors(debug):
        list_batches(state, only=only, limit=limit, as_json=as_json)


@app.command()
def show(id: Id, state: State = None, as_json: Json = False, debug: Debug = False) -> None:  # noqa: A002
    """Show a chain, a prompt or a batch: its times, its texts, its failure."""
    from gemchain.cli.views.details import show_anything

    with reporting_errors(debug):
        show_anything(state, id, as_json=as_json)


@app.command()
def retry(
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="Every prompt that is FAILED or PARKED.")] = False,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="STATE", help="Every prompt in this state: parked or failed."),
    ] = None,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Retry FAILED and PARKED prompts. An answer that was received already is not paid again."""
    from gemchain.cli.change.operations import retry_all, retry_these

    with reporting_errors(debug):
        if (everything or only is not None) == bool(ids):
            raise typer.BadParameter("name ids, or say --all, --only parked or --only failed")
        if not ids:
            retry_all(state, only=only, as_json=as_json)
        else:
            retry_these(state, ids or [], as_json=as_json)


@app.command()
def resume(
    id: Id,  # noqa: A002
    value: Annotated[
        str, typer.Argument(metavar="[VALUE]", help="JSON; anything else is taken as text.")
    ] = "null",
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the wait, if the chain has several.")
    ] = None,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Give a waiting chain its value (see `gemchain.wait`)."""
    from gemchain.cli.change.operations import resume_one

    with reporting_errors(debug):
        resume_one(state, id, value, name=name, as_json=as_json)


@app.command()
def replay(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Chains, finished or parked.")],
    application: Annotated[
        Path | None,
        typer.Option(
            "--app", metavar="DIR", help="Folder of the functions; the current folder when left out."
        ),
    ] = None,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Replay chains with the current functions; nothing is sent and nothing is written.

    Exit code 1 when a chain would run differently. Use it before a deploy.
    """
    from gemchain.cli.views.replay import replay_chains

    with reporting_errors(debug):
        raise typer.Exit(replay_chains(state, ids, application, as_json=as_json))


@app.command()
def fork(
    id: Annotated[str, typer.Argument(metavar="PROMPT", help="The prompt to send again.")],  # noqa: A002
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Start a new chain that keeps the answers before a prompt, and sends it and what follows again."""
    from gemchain.cli.change.operations import fork_one

    with reporting_errors(debug):
        fork_one(state, id, as_json=as_json)


@app.command()
def cancel(id: Id, state: State = None, as_json: Json = False, debug: Debug = False) -> None:  # noqa: A002
    """Stop a chain: none of its prompts is sent any more, and answers that still arrive are dropped.

    Given a prompt, stop its whole chain: a chain cannot continue without one of its prompts.

    Given a batch, stop its provider job: finished rows are used, the others are sent again.
    """
    from gemchain.cli.change.operations import cancel_one

    with reporting_errors(debug):
        cancel_one(state, id, as_json=as_json)


@app.command()
def gc(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Age since the end, as 30d, 12h, 90m, 2w.")
    ] = "30d",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be removed; remove nothing.")
    ] = False,
    keys: Annotated[
        bool,
        typer.Option(
            "--forget-keys",
            help="Remove chains with a key, too: if they are started again, they are paid again.",
        ),
    ] = False,
    compact: Annotated[
        bool,
        typer.Option("--compact", help="Give free space back to the disk; other processes wait meanwhile."),
    ] = False,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Remove chains that ended long ago, with their prompts, batches and files.

    Chains that run, wait or are parked stay, with all they need. Chains with a key keep key and result.
    """
    from gemchain.cli.change.gc import collect_garbage

    with reporting_errors(debug):
        collect_garbage(state, older_than, keys=keys, dry_run=dry_run, compact=compact, as_json=as_json)


@app.command()
def config(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="A chain's file, whose calls of configure() count, too."),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the value of each setting, and where it comes from. Secrets are hidden."""
    from gemchain.cli.views.settings import show_settings

    with reporting_errors(debug):
        show_settings(file, as_json=as_json)


commands.add_to(app)
