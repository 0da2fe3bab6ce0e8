"""The stored arguments of a chain, and the fingerprint that retention leaves of them.

Retention removes the arguments of a chain with a key. A later start under that key still has to tell whether
it asks for the same. So a fingerprint takes their place in the same field: `{"digest": "..."}`. The
chain's id goes into it, so that equal arguments of two chains do not show.
"""

from hashlib import blake2b
from typing import Any

import orjson

from gemchain.base import jsontext

__all__ = ["NOTHING", "SIGNED", "arguments_of", "fingerprint", "pruned"]

SIGNED = "signed"
"""Beside the arguments of an async chain: its function as signed text, where it was stored by value."""

NOTHING = "{}"
"""The text of a chain of which no arguments were recorded, or whose arguments an older gemchain removed."""

_DIGEST = "digest"
_BYTES = 16


def arguments_of(args: str) -> dict[str, Any] | None:
    """The positional (`args`) and named (`params`) arguments; None when they are not there any more."""
    found = _object(args)
    return None if found is None or _DIGEST in found or not found else _without_function(found)


def fingerprint(chain_id: str, args: str) -> str | None:
    """A fingerprint of a chain's stored arguments; None when nothing is known of them.

    The order of named arguments does not count, nor does a function that is stored with them. A text that
    holds a fingerprint already gives that one.
    """
    found = _object(args)
    if not found:
        return None
    if _DIGEST in found:
        kept = found[_DIGEST]
        return kept if isinstance(kept, str) else None
    text = orjson.dumps(_without_function(found), option=orjson.OPT_SORT_KEYS)
    return blake2b(text, digest_size=_BYTES, key=chain_id.encode()[:64]).hexdigest()


def pruned(chain_id: str, args: str) -> str:
    """What stays of a chain's arguments when retention removes them: their fingerprint."""
    kept = fingerprint(chain_id, args)
    return NOTHING if kept is None else jsontext.dump({_DIGEST: kept})


def _without_function(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != SIGNED}


def _object(args: str) -> dict[str, Any] | None:
    """The object in the text; None for what gemchain has not written so."""
    try:
        found = jsontext.load(args)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
