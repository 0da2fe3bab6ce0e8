"""Resource names and field paths: their syntax and their limits.

Syntax: https://docs.cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#document
"""

import re
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from gemchain.emulators.firestore import limits
from gemchain.emulators.firestore.refusals import invalid

__all__ = [
    "NAME",
    "DatabaseId",
    "FieldPath",
    "NameKey",
    "document_key",
    "field_path",
    "name_key",
    "parent_key",
    "split_name",
    "writable_path",
]

NameKey: TypeAlias = tuple[str, ...]
"""A path below `documents/`, segment by segment, so that keys sort as names do."""

FieldPath: TypeAlias = tuple[str, ...]

NAME: FieldPath = ("__name__",)

_ROOT = re.compile(r"projects/([^/]+)/databases/([^/]+)(?:/documents(?:/(.*))?)?\Z", re.DOTALL)
_RESERVED = re.compile(r"__.*__\Z", re.DOTALL)
_NUMERIC_ID = re.compile(r"__id(-?\d+)__\Z")
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z_0-9]*\Z")
_SEGMENT = re.compile(r"`((?:[^`\\]|\\.)+)`|([^.`]+)", re.DOTALL)


class DatabaseId(NamedTuple):
    """Where a document lives; every database is a world of its own."""

    project: str
    database: str

    @property
    def root(self) -> str:
        """The name all document names of this database start with, without a trailing slash."""
        return f"projects/{self.project}/databases/{self.database}/documents"


def split_name(name: str) -> tuple[DatabaseId, str]:
    """Split a resource name into its database and the path below `documents`.

    Raises:
        Refusal: INVALID_ARGUMENT when the name does not start with a database.
    """
    found = _ROOT.match(name)
    if found is None:
        raise invalid(f'Invalid resource name "{name}": expected projects/P/databases/D/documents/...')
    return DatabaseId(found[1], found[2]), found[3] or ""


@lru_cache(maxsize=65_536)
def document_key(name: str, root: str) -> NameKey:
    """Check a document name of the database at `root` and return its key.

    Raises:
        Refusal: INVALID_ARGUMENT: not a document of this database, or against a limit of names.
    """
    segments = _below(name, root)
    if not segments or len(segments) % 2:
        raise invalid(f'Document name "{name}" has an odd number of path elements below documents.')
    _check_segments(name, segments)
    return name_key(segments)


@lru_cache(maxsize=4_096)
def parent_key(name: str, root: str) -> NameKey:
    """Check a parent (the database's `documents`, or a document) and return its key.

    Raises:
        Refusal: INVALID_ARGUMENT: the name is neither.
    """
    return () if name == root else document_key(name, root)


def name_key(segments: tuple[str, ...]) -> NameKey:
    """Make segments sortable: numeric ids (`__id7__`) sort by value, before all other ids."""
    if not any(segment.startswith("__id") for segment in segments):
        return segments
    return tuple(_numeric(segment) for segment in segments)


def _numeric(segment: str) -> str:
    found = _NUMERIC_ID.match(segment)
    return f"\0{int(found[1]) + 2**63:020d}" if found else segment


def _below(name: str, root: str) -> tuple[str, ...]:
    if not name.startswith(f"{root}/"):
        raise invalid(f'Document name "{name}" does not belong to "{root}".')
    return tuple(name[len(root) + 1 :].split("/"))


def _check_segments(name: str, segments: tuple[str, ...]) -> None:
    if len(name.encode()) > limits.NAME_BYTES:
        raise invalid(f"Document name is longer than {limits.NAME_BYTES} bytes.")
    if len(segments) > 2 * limits.COLLECTION_DEPTH:
        raise invalid(f"Collections are nested deeper than {limits.COLLECTION_DEPTH} levels.")
    for segment in segments:
        check_id(segment)


def check_id(segment: str) -> None:
    """Check one collection or document id.

    Raises:
        Refusal: INVALID_ARGUMENT with the rule that is broken.
    """
    if segment in {"", ".", ".."} or "/" in segment:
        raise invalid(f'Resource id "{segment}" is invalid.')
    if _RESERVED.match(segment) and not _NUMERIC_ID.match(segment):
        raise invalid(f'Resource id "{segment}" is invalid because it is reserved.')
    if len(segment) * 4 > limits.ID_BYTES and len(segment.encode()) > limits.ID_BYTES:
        raise invalid(f"Resource id is longer than {limits.ID_BYTES} bytes.")


@lru_cache(maxsize=16_384)
def check_field_name(name: str) -> None:
    """Check one field name.

    Raises:
        Refusal: INVALID_ARGUMENT with the rule that is broken.
    """
    if not name:
        raise invalid("Field names must not be empty.")
    if len(name.encode()) > limits.FIELD_NAME_BYTES:
        raise invalid(f"Field name is longer than {limits.FIELD_NAME_BYTES} bytes.")
    if _RESERVED.match(name):
        raise invalid(f'Field name "{name}" is invalid because it is reserved.')


@lru_cache(maxsize=16_384)
def field_path(text: str) -> FieldPath:
    r"""Parse a field path such as ``a.`b c`.d``.

    Returns:
        The field names, unquoted.

    Raises:
        Refusal: INVALID_ARGUMENT: the path is malformed.
    """
    names, position = [], 0
    while True:
        found = _SEGMENT.match(text, position)
        if found is None:
            raise invalid(f'Invalid field path "{text}".')
        names.append(_field_name(text, found))
        position = found.end()
        if position == len(text):
            return tuple(names)
        if text[position] != ".":
            raise invalid(f'Invalid field path "{text}".')
        position += 1


def _field_name(text: str, found: re.Match[str]) -> str:
    if found[1] is not None:
        return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)
    if _SIMPLE.match(found[2]) is None:
        raise invalid(f'Invalid field path "{text}": quote "{found[2]}" with backticks.')
    return found[2]


@lru_cache(maxsize=16_384)
def writable_path(text: str) -> FieldPath:
    """Parse a field path of a write: reserved names are refused.

    Raises:
        Refusal: INVALID_ARGUMENT: malformed, or one of its names is reserved.
    """
    path = field_path(text)
    for name in path:
        check_field_name(name)
    return path
