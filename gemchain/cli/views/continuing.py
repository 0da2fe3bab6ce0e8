"""How to continue what has not ended: the command of a run, or the Python line of a program."""

import shlex
from pathlib import Path
from typing import NamedTuple

from gemchain.base import jsontext
from gemchain.cli.run.sources import find_source
from gemchain.records import Chain, Run

__all__ = ["Advice", "Origin", "command_of", "command_to_continue"]

_PYTHON = "import gemchain; gemchain.run()"
_SESSION = "__main__"
"""The module of what a notebook or an interactive session defines."""


class Advice(NamedTuple):
    """A command, and what it is for; the command is empty where only the text is to be read."""

    why: str
    command: str = ""


class Origin(NamedTuple):
    """How chains were started: by which function, whether as a row of `gemchain run`, and whose they are."""

    function: str
    as_row: bool
    owner: str

    @classmethod
    def of(cls, chain: Chain) -> "Origin":
        """The origin of one chain."""
        try:
            found = jsontext.load(chain.args)
        except ValueError:
            found = {}
        by_name = isinstance(found, dict) and not found.get("args")
        return cls(chain.function, chain.key is not None and by_name and not chain.owner, chain.owner)


def command_to_continue(run: Run) -> str:
    """What to type to continue a run, from the current folder."""
    command = run.command or ""
    if run.folder is None or run.folder == str(Path.cwd()):
        return command
    return f"cd {shlex.quote(run.folder)} && {command}"


def command_of(origin: Origin, place: str) -> Advice:
    """`gemchain run` for the rows of a file; `gemchain.run()` for what a program started.

    Args:
        origin: How the chains were started.
        place: The option `--state`, as it has to follow every command; empty when it is not needed.
    """
    here = Path.cwd()
    module, _, name = origin.function.partition(":")
    if module == _SESSION:
        return Advice(f"{name}() is of a notebook or a session: run that again to continue its chains")
    source = find_source(origin.function, here)
    if origin.as_row and source is not None:
        return Advice("", f"gemchain run {shlex.quote(source)} --input ROWS --output RESULTS{place}")
    if source is None and module != "gemchain":
        file = f"{module.replace('.', '/')}.py"
        return Advice(
            f"{name}() of {file} is not below this folder: go to where it is to continue its chains"
        )
    return Advice("", _python(here, source, place, origin.owner))


def _python(here: Path, source: str | None, place: str, owner: str) -> str:
    """The command that continues a program and starts nothing; the module is imported as it was before."""
    from gemchain.cli.run.loading import locate

    root = locate(str(here / source)).root if source is not None else here
    path = "" if root == here else f"PYTHONPATH={shlex.quote(str(root.relative_to(here)))} "
    state = shlex.split(place)[1] if place else ""
    where = f"GEMCHAIN_STATE={shlex.quote(state)} " if state else ""
    program = f"GEMCHAIN_PROGRAM={shlex.quote(owner)} " if owner else ""
    return f'{path}{where}{program}python -c "{_PYTHON}"'
