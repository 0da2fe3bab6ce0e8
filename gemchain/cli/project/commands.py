"""The options of the commands for a Firebase project: init, dev, doctor."""

from pathlib import Path
from typing import Annotated

import typer

from gemchain.cli.output.errors import reporting_errors

__all__ = ["add_to"]

Folder = Annotated[Path, typer.Argument(metavar="[DIR]", help="The Firebase project's folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for programs.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(init)
    app.command()(dev)
    app.command()(doctor)


def init(
    folder: Folder = Path(),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a codebase for `firebase deploy` into a new or an existing Firebase project.

    Exit code 1 when something is left for you to do, such as to narrow a rule that opens everything.
    """
    from gemchain.cli.project.init import init as write

    with reporting_errors(debug):
        raise typer.Exit(write(folder, dry_run=dry_run, as_json=as_json))


def dev(
    folder: Folder = Path(),
    minute: Annotated[
        float,
        typer.Option(
            "--minute", min=0.1, metavar="SECONDS", help="How long one minute of the schedules takes."
        ),
    ] = 5.0,
    turnaround: Annotated[
        float, typer.Option("--turnaround", min=0, metavar="SECONDS", help="How long a simulated job takes.")
    ] = 3.0,
    stand_in: Annotated[
        bool,
        typer.Option(
            "--stand-in", help="Use gemchain's own Firestore even where the Java emulator could run."
        ),
    ] = False,
    free_ports: Annotated[
        bool, typer.Option("--free-ports", help="Use any free ports, not those of firebase.json.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Run a Firebase project on this machine: emulators, a stand-in for Vertex AI, and the schedules.

    With --json, stdout gets one line of JSON when everything runs: the addresses, and the variables that
    other commands need. All else goes to stderr.
    """
    from gemchain.cli.project.dev import Options
    from gemchain.cli.project.dev import dev as serve

    with reporting_errors(debug):
        serve(folder, Options(minute, turnaround, stand_in, free_ports, as_json))


def doctor(
    folder: Folder = Path(),
    project: Annotated[
        str | None, typer.Option("--project", metavar="ID", help="The Google Cloud project.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Check providers, prices and a deployment, and print a command that fixes it for every problem found.

    Each provider that is set up is asked for its models, which costs nothing. A deployment is looked at where
    there is a firebase.json, with --project, or where the environment names a project.
    With FIRESTORE_EMULATOR_HOST and STORAGE_EMULATOR_HOST set, it checks the emulators instead.
    """
    from gemchain.cli.project.doctor import doctor as check

    with reporting_errors(debug):
        raise typer.Exit(check(folder, project, as_json=as_json))
