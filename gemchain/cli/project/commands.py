"""The commands around a Firebase project, and their options."""

from pathlib import Path
from typing import Annotated

import typer

from gemchain.cli.output.errors import complaining

__all__ = ["add_to"]

Folder = Annotated[Path, typer.Argument(metavar="[DIR]", help="The Firebase project's folder.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command()(init)
    app.command()(dev)
    app.command()(doctor)


def init(
    folder: Folder = Path(),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Write a codebase for `firebase deploy` into a new Firebase project, or into one that exists.

    Ends with 1 when something is left that only you can do, such as a rule that opens everything.
    """
    from gemchain.cli.project.init import init as write

    with complaining(debug):
        raise typer.Exit(write(folder, dry_run=dry_run))


def dev(
    folder: Folder = Path(),
    minute: Annotated[
        float,
        typer.Option(
            "--minute", min=0.1, metavar="SECONDS", help="How long a minute of the schedules takes."
        ),
    ] = 5.0,
    turnaround: Annotated[
        float, typer.Option("--turnaround", min=0, metavar="SECONDS", help="How long a simulated job takes.")
    ] = 3.0,
    stand_in: Annotated[
        bool, typer.Option("--stand-in", help="Use gemchain's own Firestore even where Java's could run.")
    ] = False,
    free_ports: Annotated[
        bool, typer.Option("--free-ports", help="Take any free ports, not those of firebase.json.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Run a Firebase project on this machine: emulators, a stand-in for Vertex AI, and the clock."""
    from gemchain.cli.project.dev import dev as serve

    with complaining(debug):
        serve(folder, minute=minute, turnaround=turnaround, stand_in=stand_in, free_ports=free_ports)


def doctor(
    folder: Folder = Path(),
    project: Annotated[
        str | None, typer.Option("--project", metavar="ID", help="The Google Cloud project.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Check a deployment, and print for everything that is wrong the command that mends it.

    With FIRESTORE_EMULATOR_HOST and STORAGE_EMULATOR_HOST set it looks at the emulators instead.
    """
    from gemchain.cli.project.doctor import doctor as check

    with complaining(debug):
        raise typer.Exit(check(folder, project))
