"""Listing: pages of documents, missing documents, collection ids, partition points."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from gemchain.emulators.firestore.messages import (
    Cursor,
    DecodeError,
    Document,
    Message,
    StructuredQuery,
    Value,
)
from gemchain.emulators.firestore.paths import NAME, NameKey, name_key
from gemchain.emulators.firestore.queries import Query
from gemchain.emulators.firestore.records import Record
from gemchain.emulators.firestore.refusals import invalid
from gemchain.emulators.firestore.search import Match
from gemchain.emulators.firestore.values import lookup

__all__ = ["Item", "collection_ids", "cut", "list_query", "missing_items", "page_token", "partition_points"]

DEFAULT_PAGE = 300
_ORDERS = {"": 0, "asc": 1, "desc": 2}
_ROOT_SEGMENTS = 5

T = TypeVar("T")


class Item(NamedTuple):
    """A line of a list: the order is that of names."""

    key: NameKey
    document: Message

    @classmethod
    def of(cls, match: Match) -> "Item":
        """The line of a document that exists."""
        return cls(match.record.key, match.document)


def list_query(request: Message) -> Message:
    """The StructuredQuery that a ListDocuments request stands for: one result more than the page.

    Raises:
        Refusal: INVALID_ARGUMENT: the order, the page size or the page token is malformed.
    """
    query = StructuredQuery()
    query.from_.add(collection_id=request.collection_id)
    for part in filter(None, request.order_by.split(",")):
        path, _, direction = part.strip().partition(" ")
        if direction.strip().lower() not in _ORDERS:
            raise invalid(f'Invalid order_by "{request.order_by}".')
        query.order_by.add(direction=_ORDERS[direction.strip().lower()]).field.field_path = path
    if request.show_missing and request.order_by:
        raise invalid("Requests with show_missing may not specify order_by.")
    if request.page_token:
        query.start_at.CopyFrom(_cursor(request.page_token))
    query.limit.value = page_size(request) + 1
    return query


def page_size(request: Message) -> int:
    """The page size of a request.

    Raises:
        Refusal: INVALID_ARGUMENT: it is negative.
    """
    if request.page_size < 0:
        raise invalid("page_size is negative")
    return request.page_size or DEFAULT_PAGE


def _cursor(token: str) -> Message:
    try:
        return Cursor.FromString(base64.b64decode(token, altchars=b"-_", validate=True))
    except (ValueError, DecodeError) as error:
        raise invalid("Invalid page token.") from error


def page_token(query: Query, last: Item) -> str:
    """The token of the page after `last`: a cursor just behind it, in the order of the query."""
    cursor = Cursor()
    for order in query.orders:
        value = None if order.path == NAME else lookup(last.document.fields, order.path)
        cursor.values.append(Value(reference_value=last.document.name) if value is None else value)
    return base64.urlsafe_b64encode(cursor.SerializeToString()).decode()


def missing_items(query: Query, records: Iterable[Record]) -> Iterator[Item]:
    """Lines for documents that do not exist but have documents beneath them."""
    depth = len(query.parent) + 2
    there: set[str] = set()
    above: set[str] = set()
    for record in records:
        if record.key[: depth - 2] == query.parent and len(record.key) >= depth:
            segments = record.name.split("/")[: _ROOT_SEGMENTS + depth]
            if query.collection_id in {"", segments[-2]}:
                (there if len(record.key) == depth else above).add("/".join(segments))
    for name in above - there:
        item = Item(name_key(tuple(name.split("/")[_ROOT_SEGMENTS:])), Document(name=name))
        if query.starts((item.key,)):
            yield item


def collection_ids(parent: NameKey, paths: Iterable[NameKey]) -> list[str]:
    """Ids of the collections directly below a parent, in order."""
    depth = len(parent)
    return sorted({path[depth] for path in paths if len(path) > depth and path[:depth] == parent})


def partition_points(found: Sequence[Match], wanted: int) -> list[Message]:
    """Cursors that split a result, ordered by name, into `wanted` + 1 parts of about one size."""
    parts = min(wanted + 1, len(found))
    cuts = [found[len(found) * part // parts] for part in range(1, parts)]
    return [Cursor(values=[Value(reference_value=match.record.name)], before=True) for match in cuts]


def cut(rows: Sequence[T], request: Message) -> tuple[Sequence[T], str]:
    """A page of a list that cannot change its order: page tokens are positions.

    Returns:
        The rows of the page, and the token of the next one or an empty string.

    Raises:
        Refusal: INVALID_ARGUMENT: the page token or the page size is malformed.
    """
    if request.page_token and not request.page_token.isdecimal():
        raise invalid("Invalid page token.")
    first = int(request.page_token or 0)
    last = first + page_size(request)
    return rows[first:last], str(last) if last < len(rows) else ""
