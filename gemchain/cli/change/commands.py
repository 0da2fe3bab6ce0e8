"""The options of the commands that change the state."""

from typing import Annotated

import typer

from gemchain.cli.options import Debug, Function, Id, Ids, Json, RunId, State, Yes
from gemchain.cli.output.errors import reporting_errors

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (retry, resume, fork, cancel, gc):
        app.command()(command)


def retry(  # noqa: PLR0913, PLR0917 -- the command's options; typer passes them by name
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="Every prompt that is FAILED or PARKED.")] = False,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="STATE", help="Every prompt in this state: parked or failed."),
    ] = None,
    run: RunId = None,
    function: Function = None,
    yes: Yes = False,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Retry FAILED and PARKED prompts. An answer that was received already is not paid again.

    Without ids it shows what the options choose, and asks before it sends anything back.
    """
    from gemchain.cli.change.many import retry_many
    from gemchain.cli.change.operations import retry_these
    from gemchain.cli.change.selection import Filter

    with reporting_errors(debug):
        wanted = Filter(run, only, function, everything)
        if wanted.is_empty == (not ids):
            raise typer.BadParameter("name ids, or say --all, --run, --only STATE or --function")
        if ids:
            retry_these(state, ids, as_json=as_json)
        else:
            retry_many(state, wanted, yes=yes, as_json=as_json)


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


def cancel(  # noqa: PLR0913, PLR0917 -- the command's options; typer passes them by name
    id: Annotated[  # noqa: A002
        str | None, typer.Argument(metavar="[ID]", help="A chain, a prompt or a batch.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every running chain.")] = False,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="STATE", help="Running chains with a prompt in this state: queued, …"),
    ] = None,
    run: RunId = None,
    function: Function = None,
    yes: Yes = False,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Stop a chain: none of its prompts is sent any more, and answers that still arrive are dropped.

    Given a prompt, stop its whole chain: a chain cannot continue without one of its prompts.

    Given a batch, stop its provider job: finished rows are used, the others are sent again.

    Without an id it shows which running chains the options choose, and asks before it cancels them.
    """
    from gemchain.cli.change.many import cancel_many
    from gemchain.cli.change.operations import cancel_one
    from gemchain.cli.change.selection import Filter

    with reporting_errors(debug):
        wanted = Filter(run, only, function, everything)
        if wanted.is_empty == (id is None):
            raise typer.BadParameter("name an id, or say --all, --run, --only STATE or --function")
        if id is not None:
            cancel_one(state, id, as_json=as_json)
        else:
            cancel_many(state, wanted, yes=yes, as_json=as_json)


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
