"""Answers in which null stands for a property that was left out.

In the strict form of a schema (`formats.strict_schema`) every property is required, so the model writes null
where the schema that was given lets it leave the property out. A null that this schema allows stays.
"""

from collections.abc import Mapping
from typing import Any

from gemchain.formats.strict_schema import resolved, takes_null

__all__ = ["without_absent"]


def without_absent(value: Any, schema: Any) -> Any:
    """The value without the nulls that its schema neither takes nor needs.

    Args:
        value: The answer, as plain data.
        schema: The JSON schema that was given for it.
    """
    root = schema if isinstance(schema, Mapping) else {}
    return _pruned(value, schema, root)


def _pruned(value: Any, schema: Any, root: Mapping[str, Any]) -> Any:
    if not isinstance(schema, Mapping) or not isinstance(value, dict | list):
        return value
    schema = resolved(schema, root)
    for name in ("anyOf", "oneOf"):
        if isinstance(schema.get(name), list):
            return _pruned_by_choice(value, schema[name], root)
    if isinstance(schema.get("allOf"), list):
        for each in schema["allOf"]:
            value = _pruned(value, each, root)
    if isinstance(value, list):
        return [_pruned(each, schema.get("items"), root) for each in value]
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return value
    required = schema.get("required") or ()
    return {
        name: _pruned(each, properties.get(name), root)
        for name, each in value.items()
        if not (
            each is None
            and name in properties
            and name not in required
            and not takes_null(properties[name], root)
        )
    }


def _pruned_by_choice(value: Any, choices: list[Any], root: Mapping[str, Any]) -> Any:
    """The value as the first choice that it fits then has it; as it is, where it fits none."""
    import jsonschema  # 60 ms, and rarely needed

    for choice in choices:
        if not isinstance(choice, Mapping):
            continue
        found = _pruned(value, choice, root)
        whole = {**choice, "$defs": root["$defs"]} if "$defs" in root else choice
        if jsonschema.Draft202012Validator(whole).is_valid(found):
            return found
    return value
