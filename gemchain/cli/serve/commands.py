"""The options of `gemchain serve`."""

from pathlib import Path
from typing import Annotated

import typer

from gemchain.cli.options import Debug, Json, State
from gemchain.cli.output.errors import reporting_errors

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(serve)


def serve(
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for all.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8080,
    no_work: Annotated[
        bool, typer.Option("--no-work", help="Only take notifications; other processes do the work.")
    ] = False,
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
    """Take the notifications that batches are done, and do the work of all runs and programs in this state.

    A notification only makes gemchain ask the provider at once; without any, it asks as ever. Each route
    needs a secret and is off without it: what is on, and what to set, is printed at the start. With --json,
    stdout gets one line of JSON with that when everything runs.
    """
    from gemchain.cli.serve.command import ServeOptions, serve_pushes

    with reporting_errors(debug):
        serve_pushes(ServeOptions(host, port, not no_work, application, state, as_json))
