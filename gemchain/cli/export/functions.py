"""Whether any chain was started by the function that `gemchain export --function` names."""

from collections.abc import Collection

from gemchain.cli.state.matching import is_function
from gemchain.errors import InvalidInputError
from gemchain.ports import Store

__all__ = ["check_function"]

PAGE = 500
"""Chains that are read at a time."""

SHOWN = 3
"""Functions that an error offers."""


def check_function(store: Store, asked: str | None) -> None:
    """Refuse a function that has started no chain of this state. Reads up to the first chain that fits.

    Raises:
        InvalidInputError: None was started by it; the message has functions with similar names.
    """
    if asked is None:
        return
    known: dict[str, None] = {}
    after = None
    while page := store.list_chains(limit=PAGE, after=after):
        after = page[-1].id
        for stored in dict.fromkeys(chain.function for chain in page):
            if is_function(stored, asked):
                return
            known[stored.rpartition("@")[0] or stored] = None
    raise InvalidInputError(f"no chain was started by {asked!r}{_hint(asked, sorted(known))}")


def _hint(asked: str, known: Collection[str]) -> str:
    from difflib import get_close_matches  # rarely needed, and 1 ms to import

    if not known:
        return "; there are no chains in this state"
    named: dict[str, list[str]] = {}
    for each in known:
        named.setdefault(each.rpartition(":")[2], []).append(each)
    by_name = get_close_matches(asked.rpartition(":")[2], named, n=SHOWN)
    near = dict.fromkeys(
        [*(each for name in by_name for each in named[name]), *get_close_matches(asked, known, n=SHOWN)]
    )
    if near:
        return f"; did you mean {' or '.join(map(repr, list(near)[:SHOWN]))}?"
    more = ", ..." if len(known) > SHOWN else ""
    return f"; there are chains of {', '.join(map(repr, list(known)[:SHOWN]))}{more}"
