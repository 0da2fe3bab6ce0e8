"""The options of the commands that only read the state."""

from pathlib import Path
from typing import Annotated

import typer

from gemchain.cli.options import Debug, Full, Function, Id, Json, Limit, RunId, State
from gemchain.cli.output.errors import reporting_errors

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (status, runs, chains, batches, show, replay, config, models):
        app.command()(command)


def status(state: State = None, full: Full = False, as_json: Json = False, debug: Debug = False) -> None:
    """Show how many chains, prompts and batches there are, what they wait for, and what to type next."""
    from gemchain.cli.views.status import show_status

    with reporting_errors(debug):
        show_status(state, full=full, as_json=as_json)


def runs(limit: Limit = 20, state: State = None, as_json: Json = False, debug: Debug = False) -> None:
    """List the runs and programs that started chains: what became of them, and how to continue each."""
    from gemchain.cli.views.runs import list_runs

    with reporting_errors(debug):
        list_runs(state, limit=limit, as_json=as_json)


def chains(
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="STATE", help="RUNNING, DONE, FAILED, CANCELLED, PARKED or WAITING."),
    ] = None,
    function: Function = None,
    run: RunId = None,
    limit: Limit = 20,
    state: State = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List chains, the newest first."""
    from gemchain.cli.state.selection import Selection
    from gemchain.cli.views.listing import list_chains

    with reporting_errors(debug):
        chosen = Selection(function, only, run=run)
        list_chains(state, chosen, limit=limit, as_json=as_json)


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


def show(id: Id, state: State = None, as_json: Json = False, debug: Debug = False) -> None:  # noqa: A002
    """Show a chain, a prompt or a batch: its times, its texts, its failure."""
    from gemchain.cli.views.details import show_anything

    with reporting_errors(debug):
        show_anything(state, id, as_json=as_json)


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


def models(
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="Only the models of this provider.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show all models, also those that retire.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List the providers and their models: lanes, limits, and prices in US dollars for a million tokens.

    No service is asked. A model that is not listed may still be served: the list is that of known prices.
    """
    from gemchain.cli.views.models import list_models

    with reporting_errors(debug):
        list_models(provider, everything=everything, as_json=as_json)
