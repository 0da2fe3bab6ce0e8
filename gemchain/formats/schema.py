"""The schema that an answer must fit: a JSON schema, or that of a pydantic model class."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from gemchain.errors import RequestError

__all__ = ["AnswerSchema", "as_schema", "inlined", "is_model"]


class AnswerSchema(NamedTuple):
    """What is sent as the schema, and the class of which the answers are to be objects, if any."""

    sent: dict[str, Any]
    model: type | None = None


def is_model(given: Any) -> bool:
    """Whether it is a pydantic model class."""
    return isinstance(given, type) and callable(getattr(given, "model_json_schema", None))


def as_schema(given: Any) -> AnswerSchema:
    """A JSON schema: as given, or that of a pydantic model class.

    Raises:
        RequestError: It is neither.
    """
    if is_model(given):
        return AnswerSchema(_of_model(given), given)
    if isinstance(given, Mapping):
        return AnswerSchema(dict(given))
    raise RequestError(f"a schema is a JSON schema (a dict) or a pydantic model class, not {given!r}")


@lru_cache(maxsize=256)
def _of_model(model: Any) -> dict[str, Any]:
    return inlined(model.model_json_schema())


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without `$defs`, every `$ref` replaced by what it names.

    A schema that refers to itself keeps its references, which the services follow to some depth.
    https://ai.google.dev/api/generate-content#FIELDS.response_json_schema
    """
    definitions = schema.get("$defs", {})
    try:
        body = {name: value for name, value in schema.items() if name != "$defs"}
        found = _without_refs(body, definitions, ())
    except RecursionError:
        return schema
    return dict(found)


def _without_refs(value: Any, definitions: Mapping[str, Any], above: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_without_refs(each, definitions, above) for each in value]
    if not isinstance(value, dict):
        return value
    name = str(value.get("$ref", "")).removeprefix("#/$defs/")
    if name in above:
        raise RecursionError(name)
    beside = {key: _without_refs(each, definitions, above) for key, each in value.items() if key != "$ref"}
    if not name:
        return beside
    if name not in definitions:
        return {"$ref": value["$ref"], **beside}
    return {**_without_refs(definitions[name], definitions, (*above, name)), **beside}
