"""Queries, built as the messages that the service takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from gemchain.stores.firestore.client.messages import Message, StructuredQuery
from gemchain.stores.firestore.client.values import put

__all__ = ["NAME", "Condition", "Query"]

NAME = "__name__"
"""The document's own name, by which every query is ordered in the end."""

_FILTER = StructuredQuery.FieldFilter
_DIRECTION = StructuredQuery.Direction
_OPERATORS = {
    "==": _FILTER.Operator.Value("EQUAL"),
    "<": _FILTER.Operator.Value("LESS_THAN"),
    "<=": _FILTER.Operator.Value("LESS_THAN_OR_EQUAL"),
    ">": _FILTER.Operator.Value("GREATER_THAN"),
    ">=": _FILTER.Operator.Value("GREATER_THAN_OR_EQUAL"),
}


Condition: TypeAlias = tuple[str, str, Any]
"""A field, an operator, and a value; of the field `NAME` the value is a document's full name."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for in one collection.

    Every query is answered by the index of one field: all conditions are on the same field, besides those
    on the name.

    Attributes:
        where: Conditions that all hold.
        order: Field to sort by, before the name; empty for the name alone.
        descending: Sort backwards.
        fields: Fields to fetch; None for all.
        limit: Most documents to fetch; None for all.
        after: Where the page before ended: the value of `order`, if any, and the full name.
        until: Full name to stop with, where the name is the only order.
    """

    where: Sequence[Condition] = ()
    order: str = ""
    descending: bool = False
    fields: Sequence[str] | None = None
    limit: int | None = None
    after: tuple[Any, ...] = ()
    until: str = ""

    def message(self, collection: str) -> Message:
        """The query over a collection."""
        message = StructuredQuery()
        message.from_.add(collection_id=collection)
        for path in self.fields or ():
            message.select.fields.add(field_path=path)
        self._filter(message)
        way = _DIRECTION.Value("DESCENDING" if self.descending else "ASCENDING")
        for path in filter(None, (self.order, NAME)):
            message.order_by.add(direction=way).field.field_path = path
        if self.after:
            message.start_at.before = False
            fields = (self.order, NAME) if self.order else (NAME,)
            for path, value in zip(fields, self.after, strict=True):
                _place(message.start_at.values.add(), path, value)
        if self.until:
            message.end_at.before = False
            message.end_at.values.add().reference_value = self.until
        if self.limit is not None:
            message.limit.value = self.limit
        return message

    def _filter(self, message: Message) -> None:
        if not self.where:
            return
        both = message.where.composite_filter
        both.op = StructuredQuery.CompositeFilter.Operator.Value("AND")
        for path, operator, value in self.where:
            part = both.filters.add().field_filter
            part.field.field_path = path
            part.op = _OPERATORS[operator]
            _place(part.value, path, value)


def _place(slot: Message, path: str, value: Any) -> None:
    if path == NAME:
        slot.reference_value = value
    else:
        put(slot, value)
