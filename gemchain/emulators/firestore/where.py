"""Compiling the `where` of a query and checking the documented rules on filters.

https://docs.cloud.google.com/firestore/docs/query-data/queries#query_limitations
"""

import operator
from collections.abc import Iterable

from gemchain.emulators.firestore import limits
from gemchain.emulators.firestore.filters import (
    Both,
    Comparison,
    Contains,
    Differs,
    Either,
    Filter,
    OneOf,
    Range,
)
from gemchain.emulators.firestore.messages import Message
from gemchain.emulators.firestore.ordering import NAN, NULL, SortKey, reference_key, sort_key
from gemchain.emulators.firestore.paths import NAME, FieldPath, NameKey, field_path
from gemchain.emulators.firestore.refusals import invalid

__all__ = ["Where"]

_LESS, _LESS_EQUAL, _GREATER, _GREATER_EQUAL, _EQUAL, _NOT_EQUAL = 1, 2, 3, 4, 5, 6
_CONTAINS, _IN, _CONTAINS_ANY, _NOT_IN = 7, 8, 9, 10
_IS_NAN, _IS_NULL, _IS_NOT_NAN, _IS_NOT_NULL = 2, 3, 4, 5
_AND, _OR = 1, 2

_COMPARE: dict[int, Comparison] = {
    _LESS: operator.lt,
    _LESS_EQUAL: operator.le,
    _GREATER: operator.gt,
    _GREATER_EQUAL: operator.ge,
}


class Where:
    """A compiled filter and what the rest of the query must know of it.

    Attributes:
        filter: Matches documents.
        inequalities: Fields that must be ordered by.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self.filter: Filter = Both(())
        self.inequalities: set[FieldPath] = set()
        self._negations = 0
        self._not_in = False
        self._disjunctive = False

    def compile(self, message: Message) -> "Where":
        """Compile the `where` of a StructuredQuery, if it has one.

        Raises:
            Refusal: INVALID_ARGUMENT with the rule that is broken.
        """
        if message.HasField("where"):
            self.filter, disjunctions, _ = self._any(message.where)
            self._check(disjunctions)
        return self

    def _check(self, disjunctions: int) -> None:
        if disjunctions > limits.DISJUNCTIONS:
            raise invalid(
                f"The query has {disjunctions} disjunctions in disjunctive normal form; "
                f"'IN', 'ARRAY_CONTAINS_ANY' and 'OR' support up to {limits.DISJUNCTIONS}."
            )
        if self._negations > 1:
            raise invalid(
                "Only a single 'NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', or 'IS_NOT_NULL' filter "
                "allowed per query."
            )
        if self._not_in and self._disjunctive:
            raise invalid(
                "'NOT_IN' cannot be used in the same query with 'OR', 'IN' or 'ARRAY_CONTAINS_ANY'."
            )

    def _any(self, message: Message) -> tuple[Filter, int, int]:
        """Compile a filter: itself, its disjunctions, the array filters in one of them at most."""
        kind = message.WhichOneof("filter_type")
        if kind == "composite_filter":
            return self._composite(message.composite_filter)
        if kind == "field_filter":
            return self._field(message.field_filter)
        if kind == "unary_filter":
            return self._unary(message.unary_filter), 1, 0
        raise invalid("A filter must have a type.")

    def _composite(self, message: Message) -> tuple[Filter, int, int]:
        if not message.filters:
            raise invalid("A composite filter needs at least one filter.")
        parts = [self._any(part) for part in message.filters]
        filters = tuple(part for part, _, _ in parts)
        if message.op == _OR:
            self._disjunctive = self._disjunctive or len(parts) > 1
            return Either(filters), sum(count for _, count, _ in parts), max(arrays for _, _, arrays in parts)
        if message.op != _AND:
            raise invalid("A composite filter needs an operator: AND or OR.")
        return (
            Both(filters),
            _product(count for _, count, _ in parts),
            _one_array(arrays for _, _, arrays in parts),
        )

    def _field(self, message: Message) -> tuple[Filter, int, int]:
        path = field_path(message.field.field_path)
        if message.op in _COMPARE:
            self.inequalities.add(path)
            return Range(path, _COMPARE[message.op], self._key(path, message.value)), 1, 0
        if message.op == _EQUAL:
            return OneOf(path, frozenset({self._key(path, message.value)})), 1, 0
        if message.op in {_NOT_EQUAL, _NOT_IN}:
            return self._differs(path, message), 1, 0
        return self._listed(path, message)

    def _listed(self, path: FieldPath, message: Message) -> tuple[Filter, int, int]:
        if message.op == _CONTAINS:
            return Contains(self._not_name(path), frozenset({sort_key(message.value)})), 1, 1
        if message.op not in {_IN, _CONTAINS_ANY}:
            raise invalid("A field filter needs an operator.")
        self._disjunctive = True
        if message.op == _IN:
            keys = self._keys(path, message.value, "IN")
            return OneOf(path, frozenset(keys)), len(keys), 0
        keys = self._keys(self._not_name(path), message.value, "ARRAY_CONTAINS_ANY")
        return Contains(path, frozenset(keys)), len(keys), 1

    def _differs(self, path: FieldPath, message: Message) -> Filter:
        self._negations += 1
        self.inequalities.add(path)
        if message.op == _NOT_EQUAL:
            return Differs(path, frozenset({self._key(path, message.value)}))
        self._not_in = True
        keys = self._keys(path, message.value, "NOT_IN")
        if len(keys) > limits.NOT_IN_VALUES:
            raise invalid(f"'NOT_IN' supports up to {limits.NOT_IN_VALUES} comparison values.")
        # Nothing is unlike null, so a list with null in it matches no document.
        return Either(()) if NULL in keys else Differs(path, frozenset(keys))

    def _unary(self, message: Message) -> Filter:
        path = field_path(message.field.field_path)
        if message.op in {_IS_NAN, _IS_NULL}:
            return OneOf(path, frozenset({NAN if message.op == _IS_NAN else NULL}))
        if message.op not in {_IS_NOT_NAN, _IS_NOT_NULL}:
            raise invalid("A unary filter needs an operator.")
        self._negations += 1
        self.inequalities.add(path)
        return Differs(path, frozenset({NAN} if message.op == _IS_NOT_NAN else ()))

    def _keys(self, path: FieldPath, value: Message, operation: str) -> list[SortKey]:
        if value.WhichOneof("value_type") != "array_value" or not value.array_value.values:
            raise invalid(f"'{operation}' requires a non-empty ArrayValue.")
        return [self._key(path, item) for item in value.array_value.values]

    def _key(self, path: FieldPath, value: Message) -> SortKey:
        return self.name(value) if path == NAME else sort_key(value)

    def _not_name(self, path: FieldPath) -> FieldPath:
        if path == NAME:
            raise invalid("__name__ cannot be used with array filters.")
        return path

    def name(self, value: Message) -> NameKey:
        """The key of a reference that is compared with `__name__`.

        Raises:
            Refusal: INVALID_ARGUMENT: no reference to a document of this database.
        """
        reference = str(value.reference_value)
        if value.WhichOneof("value_type") != "reference_value" or not reference.startswith(f"{self._root}/"):
            raise invalid("__key__ filter value must be a Key: a reference to a document of this database.")
        return reference_key(reference[len(self._root) + 1 :])


def _product(counts: Iterable[int]) -> int:
    total = 1
    for count in counts:
        total *= count
    return total


def _one_array(counts: Iterable[int]) -> int:
    total = sum(counts)
    if total > 1:
        raise invalid(
            "A maximum of 1 'ARRAY_CONTAINS' or 'ARRAY_CONTAINS_ANY' filter is allowed per disjunction."
        )
    return total
