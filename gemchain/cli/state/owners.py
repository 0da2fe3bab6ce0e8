"""Finding a run or a program by its id or name, or by the unique beginning of it."""

from gemchain.errors import InvalidInputError
from gemchain.ports import Store

__all__ = ["owner_named"]

SHOWN = 5


def owner_named(store: Store, text: str) -> str:
    """The owner that `--run` names; see `Chain.owner`.

    Raises:
        InvalidInputError: No owner, or several, begin with it.
    """
    owners = store.owners()
    if text in owners:
        return text
    found = sorted(each for each in owners if each.startswith(text))
    if len(found) == 1:
        return found[0]
    what = f"fits several: {', '.join(found[:SHOWN])}" if found else "is no run of this state"
    raise InvalidInputError(f"--run {text!r} {what}; `gemchain runs` lists them")
