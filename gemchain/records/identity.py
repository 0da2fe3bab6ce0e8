"""Ids: derived where a second run must find the first one's records, random elsewhere.

Every id is a letter that tells the kind (`c` chain, `p` prompt, `b` batch, `j` join) and 30
hexadecimal digits: short enough for a label of a provider, long enough never to meet another.
"""

import hashlib
import secrets
from typing import Any

from gemchain.errors import InvalidInputError

__all__ = [
    "batch_id",
    "branch_id",
    "chain_id",
    "check_text",
    "child_id",
    "is_join",
    "job_name",
    "join_id",
    "keyed_child_id",
    "nested_join_id",
    "part_id",
    "placed_id",
    "random_id",
]

_DIGITS = 30
LONGEST = 1_000
"""Characters of a key, or of a model's name."""


def _digest(kind: str, *parts: str) -> str:
    text = "\x1f".join(parts)
    return kind + hashlib.blake2b(text.encode(), digest_size=_DIGITS // 2).hexdigest()


def check_text(what: str, text: Any) -> None:
    """Refuse what no store could keep as a key or a name.

    Raises:
        InvalidInputError: It is no text, too long, or holds half a character.
    """
    if not isinstance(text, str):
        raise InvalidInputError(f"{what} is a text, not {text!r:.200}")
    if len(text) > LONGEST:
        raise InvalidInputError(
            f"{what} has {len(text):,} characters; {LONGEST:,} are allowed: {text[:60]!r}…"
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"{what} is not text that UTF-8 can carry: {text!r}") from error


def random_id(kind: str) -> str:
    """A random id, unique for all practical purposes."""
    return kind + secrets.token_hex(_DIGITS // 2)


def chain_id(function: str, key: str) -> str:
    """The id of the chain that `function` started under `key`: the same key, the same chain."""
    check_text("a key", key)
    return _digest("c", function, key)


def child_id(parent_id: str, index: int) -> str:
    """The id of the `index`-th prompt that `parent_id` (a prompt or a chain) submitted.

    Derived, so that a callback which runs a second time declares the same children.
    """
    return _digest("p", parent_id, str(index))


def keyed_child_id(parent_id: str, key: str) -> str:
    """The id of the prompt that `parent_id` submitted under `key`."""
    check_text("a key", key)
    return _digest("p", parent_id, "key", key)


def join_id(parent_id: str, index: int) -> str:
    """The id of the join that `parent_id` declared as its `index`-th child."""
    return _digest("j", parent_id, str(index))


def is_join(identity: str) -> bool:
    """Whether the id is a join's."""
    return identity.startswith("j")


def branch_id(join: str, index: int) -> str:
    """The id of the first prompt of a join's `index`-th branch."""
    return _digest("p", join, "branch", str(index))


def nested_join_id(join: str, index: int) -> str:
    """The id of a join that is itself the `index`-th branch of a join."""
    return _digest("j", join, "branch", str(index))


def placed_id(kind: str, chain: str, place: str) -> str:
    """The id of what an async chain awaits at a place of its program."""
    return _digest(kind, chain, "place", place)


def batch_id() -> str:
    """A new batch's id."""
    return random_id("b")


def part_id(batch: str, index: int) -> str:
    """The id of a batch's `index`-th part."""
    return f"{batch}-{index:05d}"


def job_name(batch: str) -> str:
    """The name that a provider job bears, by which it is found again after a crash."""
    return f"gemchain-{batch}"
