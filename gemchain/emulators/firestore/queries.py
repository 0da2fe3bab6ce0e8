"""Structured queries: from the request's message to a `Query`, every documented rule checked.

https://docs.cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#structuredquery
"""

from dataclasses import dataclass, replace

from gemchain.emulators.firestore.filters import Both, Filter, Requires, field_key
from gemchain.emulators.firestore.messages import Message
from gemchain.emulators.firestore.ordering import SortKey, sort_key
from gemchain.emulators.firestore.paths import NAME, FieldPath, NameKey, check_id, field_path
from gemchain.emulators.firestore.records import Record
from gemchain.emulators.firestore.refusals import invalid, unimplemented
from gemchain.emulators.firestore.values import read_mask
from gemchain.emulators.firestore.where import Where

__all__ = ["Bound", "Order", "Query", "compile_query"]

_DESCENDING = 2


@dataclass(frozen=True, slots=True)
class Order:
    """One field to order by."""

    path: FieldPath
    descending: bool


@dataclass(frozen=True, slots=True)
class Bound:
    """A cursor: a position just before or just after the keys, which are a prefix of the order."""

    keys: tuple[SortKey, ...]
    before: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A checked query.

    Attributes:
        parent: The document (or the root) it starts from.
        collection_id: The collections it selects; empty for all of them.
        all_descendants: Whether it reaches below the parent's own collections.
        where: The filter, or None.
        orders: The whole order, ending with `__name__`.
        start: Where results begin, or None.
        end: Where they end, or None.
        offset: How many results to skip.
        limit: How many to return at most, or None.
        mask: The projection, None for whole documents.
    """

    parent: NameKey
    collection_id: str
    all_descendants: bool
    where: Filter
    orders: tuple[Order, ...]
    start: Bound | None = None
    end: Bound | None = None
    offset: int = 0
    limit: int | None = None
    mask: list[FieldPath] | None = None

    def selects(self, record: Record) -> bool:
        """Whether a document lies in the collections of the query."""
        key, depth = record.key, len(self.parent)
        if self.collection_id and key[-2] != self.collection_id:
            return False
        return (
            key[:depth] == self.parent
            and (self.all_descendants or len(key) == depth + 2)
            and len(key) > depth
        )

    def position(self, key: NameKey, document: Message) -> tuple[SortKey, ...]:
        """Where a matching document stands in the order."""
        return tuple(field_key(order.path, key, document) or () for order in self.orders)

    def starts(self, position: tuple[SortKey, ...]) -> bool:
        """Whether a position is not before the start cursor."""
        if self.start is None:
            return True
        side = self._compare(position, self.start)
        return side > 0 or (side == 0 and self.start.before)

    def ended(self, position: tuple[SortKey, ...]) -> bool:
        """Whether a position is behind the end cursor."""
        if self.end is None:
            return False
        side = self._compare(position, self.end)
        return side > 0 or (side == 0 and self.end.before)

    def requiring(self, paths: tuple[FieldPath, ...]) -> "Query":
        """The same query, but only documents that have all these fields."""
        return replace(self, where=Both((self.where, Requires(paths))))

    def _compare(self, position: tuple[SortKey, ...], bound: Bound) -> int:
        for order, mine, theirs in zip(self.orders, position, bound.keys, strict=False):
            if mine != theirs:
                return 1 if (mine > theirs) != order.descending else -1
        return 0


def compile_query(message: Message, parent: NameKey, root: str) -> Query:
    """Check a StructuredQuery and make it a `Query`.

    Args:
        message: The StructuredQuery.
        parent: The key of the request's parent.
        root: The database's `.../documents` name.

    Raises:
        Refusal: INVALID_ARGUMENT with the rule that is broken, UNIMPLEMENTED for vector search.
    """
    if message.HasField("find_nearest"):
        raise unimplemented("The emulator has no vector search (find_nearest).")
    where = Where(root).compile(message)
    orders = _orders(message, where)
    selector = _selector(message)
    return Query(
        parent=parent,
        collection_id=selector.collection_id,
        all_descendants=selector.all_descendants,
        where=Both((where.filter, Requires(tuple(order.path for order in orders)))),
        orders=orders,
        start=_bound(message, "start_at", orders, where),
        end=_bound(message, "end_at", orders, where),
        offset=_not_negative(message.offset, "offset"),
        limit=_not_negative(message.limit.value, "limit") if message.HasField("limit") else None,
        mask=_mask(message),
    )


def _selector(message: Message) -> Message:
    if len(message.from_) != 1:
        raise invalid("A query must select from exactly one collection selector.")
    if message.from_[0].collection_id:
        check_id(message.from_[0].collection_id)
    return message.from_[0]


def _not_negative(value: int, what: str) -> int:
    if value < 0:
        raise invalid(f"{what} is negative")
    return value


def _mask(message: Message) -> list[FieldPath] | None:
    fields = [reference.field_path for reference in message.select.fields]
    return read_mask(fields) if fields else None


def _orders(message: Message, where: Where) -> tuple[Order, ...]:
    orders = [
        Order(field_path(order.field.field_path), order.direction == _DESCENDING)
        for order in message.order_by
    ]
    last = orders[-1].descending if orders else False
    named = {order.path for order in orders}
    if len(named) < len(orders):
        raise invalid("A field must not be ordered by twice.")
    implicit = sorted(where.inequalities - named - {NAME})
    orders += [Order(path, last) for path in implicit]
    return (*orders, *([] if NAME in named else [Order(NAME, last)]))


def _bound(message: Message, field: str, orders: tuple[Order, ...], where: Where) -> Bound | None:
    if not message.HasField(field):
        return None
    cursor = getattr(message, field)
    if len(cursor.values) > len(orders):
        raise invalid("Cursor has too many values.")
    pairs = zip(orders, cursor.values, strict=False)
    keys = tuple(where.name(value) if order.path == NAME else sort_key(value) for order, value in pairs)
    return Bound(keys, cursor.before)
