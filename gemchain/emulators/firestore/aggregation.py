"""Aggregation queries: count, sum and average over the documents a query finds.

https://docs.cloud.google.com/firestore/docs/query-data/aggregation-queries
"""

from collections.abc import Iterator

from gemchain.emulators.firestore import limits
from gemchain.emulators.firestore.messages import AggregationResult, Message, Value
from gemchain.emulators.firestore.paths import FieldPath, check_field_name, field_path
from gemchain.emulators.firestore.refusals import invalid
from gemchain.emulators.firestore.search import Match
from gemchain.emulators.firestore.values import lookup

__all__ = ["aggregate", "aggregated_fields", "check_aggregations"]

_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)


def check_aggregations(aggregations: list[Message]) -> list[str]:
    """Check the aggregations of a request.

    Returns:
        The alias of each, with the documented default for those that have none.

    Raises:
        Refusal: INVALID_ARGUMENT with the rule that is broken.
    """
    if not 1 <= len(aggregations) <= limits.AGGREGATIONS:
        raise invalid(f"A query must have between 1 and {limits.AGGREGATIONS} aggregations.")
    unnamed = 0
    aliases = []
    for aggregation in aggregations:
        _check(aggregation)
        if not aggregation.alias:
            unnamed += 1
        aliases.append(aggregation.alias or f"field_{unnamed}")
    if len(set(aliases)) < len(aliases):
        raise invalid("Aggregation aliases must be unique.")
    return aliases


def _check(aggregation: Message) -> None:
    kind = aggregation.WhichOneof("operator")
    if kind is None:
        raise invalid("An aggregation must have an operator: count, sum or avg.")
    if aggregation.alias:
        check_field_name(aggregation.alias)
    if kind == "count" and aggregation.count.HasField("up_to") and aggregation.count.up_to.value <= 0:
        raise invalid("up_to must be greater than zero.")


def aggregated_fields(aggregations: list[Message]) -> tuple[FieldPath, ...]:
    """The fields that are summed or averaged: only documents that have all of them take part."""
    fields = [getattr(aggregation, aggregation.WhichOneof("operator")) for aggregation in aggregations]
    return tuple(field_path(field.field.field_path) for field in fields if hasattr(field, "field"))


def aggregate(aggregations: list[Message], aliases: list[str], found: list[Match]) -> Message:
    """Compute an AggregationResult over the documents of a result."""
    result = AggregationResult()
    for aggregation, alias in zip(aggregations, aliases, strict=True):
        result.aggregate_fields[alias].CopyFrom(_value(aggregation, found))
    return result


def _value(aggregation: Message, found: list[Match]) -> Message:
    kind = aggregation.WhichOneof("operator")
    if kind == "count":
        up_to = aggregation.count.up_to.value
        return Value(integer_value=min(len(found), up_to) if up_to else len(found))
    if kind == "sum":
        return _sum(list(_numbers(field_path(aggregation.sum.field.field_path), found)))
    numbers = list(_numbers(field_path(aggregation.avg.field.field_path), found))
    return Value(double_value=sum(numbers) / len(numbers)) if numbers else Value(null_value=0)


def _sum(numbers: list[float]) -> Message:
    total = sum(numbers)
    if isinstance(total, int) and _SMALLEST <= total <= _LARGEST:
        return Value(integer_value=total)
    return Value(double_value=float(total))


def _numbers(path: FieldPath, found: list[Match]) -> Iterator[float]:
    for match in found:
        value = lookup(match.document.fields, path)
        kind = None if value is None else value.WhichOneof("value_type")
        if value is not None and kind in {"integer_value", "double_value"}:
            yield value.integer_value if kind == "integer_value" else value.double_value
