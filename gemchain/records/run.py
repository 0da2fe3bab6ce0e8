"""A run: the owner of chains that were started together, and what to type to continue them."""

from datetime import datetime
from hashlib import blake2b

from gemchain.records.frozen import frozen

__all__ = ["PROGRAM", "RUN", "Run", "run_id"]

RUN = "run"
"""The kind of a run of the command line."""

PROGRAM = "program"
"""The kind of a Python program that starts chains by itself."""


@frozen(kw_only=True)
class Run:
    """An owner of chains: a run of the command line, or a Python program.

    Attributes:
        id: What `Chain.owner` of its chains is. A run's follows from function and input, so the same command
            is the same run; a program's is its name.
        kind: `run` or `program`.
        function: FILE:FUNCTION of a run; empty for a program.
        input: Path of the rows of a run.
        output: Path of its results.
        command: What to type to continue it.
        folder: Where it was typed.
        created_at: When it was first begun.
        begun_at: When it was last begun or continued.
    """

    id: str
    kind: str = RUN
    function: str = ""
    input: str | None = None
    output: str | None = None
    command: str | None = None
    folder: str | None = None
    created_at: datetime
    begun_at: datetime


def run_id(function: str, rows: str) -> str:
    """The id of the run of a function over the rows of an input: the same for the same two."""
    return "r" + blake2b(f"{function}\n{rows}".encode(), digest_size=5).hexdigest()
