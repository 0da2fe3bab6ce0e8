"""Rows whose chains another file of the same name has started.

A function is stored as `module:function`, and a row's key is unique in it. Two files of one name in two
folders would share chains and results, so the second one is refused. A file that was moved is no second one.
"""

from collections.abc import Iterable
from pathlib import Path

from gemchain.errors import InvalidInputError
from gemchain.records import Chain, Run
from gemchain.runtime import Runtime

__all__ = ["refuse_other_file"]


def refuse_other_file(runtime: Runtime, chains: Iterable[Chain]) -> None:
    """Refuse a run whose rows have chains of a run of another file.

    Args:
        runtime: That of this run.
        chains: The chains that the rows have already.

    Raises:
        InvalidInputError: One of them belongs to a run of a file of the same name that is still there.
    """
    owners = {chain.owner for chain in chains} - {runtime.owner, ""}
    if not owners:
        return
    own = [_file(run) for run in runtime.store.runs([runtime.owner])]
    for run in runtime.store.runs(owners):
        other = _file(run)
        if other is not None and own and other != own[0] and other.is_file():
            raise InvalidInputError(
                f"rows of this input have chains that {run.function} has started, a function of the same "
                "name in another file. Rename one of the files, or give each its own --state"
            )


def _file(run: Run) -> Path | None:
    path = run.function.rpartition(":")[0]
    return Path(path) if path else None
