"""The commands and their options. What each does lies in its own module, loaded when it is asked for."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from gemchain.cli.output.errors import complaining
from gemchain.cli.project import commands

__all__ = ["app"]

app = typer.Typer(
    name="gemchain",
    help="Prompt chains as plain functions, run through the batch APIs of LLM providers at half the price.",
    no_args_is_help=True,
    add_completion=False,
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
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many, at most.")]


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
        typer.Option("--output", "-o", metavar="FILE", help="Where the results go, as JSONL in input order."),
    ],
    state: State = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, metavar="SECONDS", help="Stop after so long.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Start one chain for each row, and drive them all to the end.

    Stop it whenever you like: the same command continues where it stopped, and sends nothing twice.
    Exit codes: 0 all done; 1 some failed, are parked or still run; 2 bad input; 3 disk, store or provider in
    the way, continue later; 130 interrupted.
    """
    from gemchain.cli.run.command import Order, run_rows

    order = Order(target, rows, output, state, timeout, quiet, as_json, _this_command())
    with complaining(debug, order.how_to_go_on()):
        raise typer.Exit(run_rows(order))


def _this_command() -> tuple[str, ...]:
    """The command as it can be typed again: by its name where the shell finds it, else by its place."""
    typed = Path(sys.argv[0])
    found = shutil.which("gemchain")
    by_place = typed.name == "gemchain" and typed.exists()
    elsewhere = by_place and (found is None or not typed.samefile(found))
    return (str(typed) if elsewhere else "gemchain", *sys.argv[1:])


@app.command()
def status(state: State = None, as_json: Json = False, debug: Debug = False) -> None:
    """Show where everything stands, what waits for whom, and what to type next."""
    from gemchain.cli.views.status import show_status

    with complaining(debug):
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

    with complaining(debug):
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

    with complaining(debug):
        list_batches(state, only=only, limit=limit, as_json=as_json)


@app.command()
def show(id: Id, state: State = None, as_json: Json = False, debug: Debug = False) -> None:  # noqa: A002
    """Show a chain, a prompt or a batch: its times, its texts, its failure."""
    from gemchain.cli.views.details import show_anything

    with complaining(debug):
        show_anything(state, id, as_json=as_json)


@app.command()
def retry(
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="Every prompt that is FAILED or PARKED.")] = False,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="STATE", help="Every prompt that is so: parked, or failed."),
    ] = None,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Send FAILED and PARKED prompts back to work. An answer that is there already is not paid again."""
    from gemchain.cli.change.operations import retry_all, retry_these

    with complaining(debug):
        if (everything or only is not None) == bool(ids):
            raise typer.BadParameter("name ids, or say --all, --only parked or --only failed")
        if not ids:
            retry_all(state, only=only, as_json=as_json)
        else:
            retry_these(state, ids or [], as_json=as_json)


@app.command()
def resume(
    id: Id,  # noqa: A002
    value: Annotated[str, typer.Argument(metavar="[VALUE]", help="JSON, or else taken as text.")] = "null",
    name: Annotated[
        str | None, typer.Option("--name", help="Which of its waits, where there are several.")
    ] = None,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Give a chain the value that it waits for (`gemchain.wait`)."""
    from gemchain.cli.change.operations import resume_one

    with complaining(debug):
        resume_one(state, id, value, name=name, as_json=as_json)


@app.command()
def replay(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Chains, finished or parked.")],
    application: Annotated[
        Path | None, typer.Option("--app", metavar="DIR", help="Folder of the functions; here when left out.")
    ] = None,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Run chains' histories against today's functions; nothing is sent and nothing written.

    Exit code 1 when some chain would not run as it did: for use before a deploy.
    """
    from gemchain.cli.views.replay import replay_chains

    with complaining(debug):
        raise typer.Exit(replay_chains(state, ids, application, as_json=as_json))


@app.command()
def fork(
    id: Annotated[str, typer.Argument(metavar="PROMPT", help="The prompt to send anew.")],  # noqa: A002
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Start a new chain that keeps the answers before a prompt, and sends it and what follows anew."""
    from gemchain.cli.change.operations import fork_one

    with complaining(debug):
        fork_one(state, id, as_json=as_json)


@app.command()
def cancel(id: Id, state: State = None, as_json: Json = False, debug: Debug = False) -> None:  # noqa: A002
    """Stop a chain: nothing of it is sent any more, and answers on their way are dropped.

    Given a prompt, stop its whole chain: a chain without one of its prompts could not go on.

    Given a batch, stop its provider job: finished rows are used, the rest is sent again.
    """
    from gemchain.cli.change.operations import cancel_one

    with complaining(debug):
        cancel_one(state, id, as_json=as_json)


@app.command()
def gc(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Age since the end, as 30d, 12h, 90m, 2w.")
    ] = "30d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would go; remove nothing.")] = False,
    keys: Annotated[
        bool,
        typer.Option("--forget-keys", help="Chains with a key, too: started anew, they are paid anew."),
    ] = False,
    compact: Annotated[
        bool, typer.Option("--compact", help="Give free space back to the disk; others wait meanwhile.")
    ] = False,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Remove chains that ended long ago, with their prompts, batches and files.

    What runs, waits or is parked stays, with what it needs. Chains with a key keep key and result.
    """
    from gemchain.cli.change.gc import collect_garbage

    with complaining(debug):
        collect_garbage(state, older_than, keys=keys, dry_run=dry_run, compact=compact, as_json=as_json)


commands.add_to(app)
