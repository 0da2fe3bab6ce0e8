"""Schemas in strict form: what OpenAI demands, and answers that fit the schema they were made of."""

import enum
from typing import Literal, Optional

import jsonschema
import pytest
from pydantic import BaseModel, Field

from gemchain.formats.absent import without_absent
from gemchain.formats.schema import as_schema
from gemchain.formats.strict_schema import strict_schema


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Leg(BaseModel):
    name: str
    length: float | None = None


class Animal(BaseModel):
    kind: Literal["bird", "fish"]
    colour: Colour = Colour.RED
    legs: list[Leg] = Field(default_factory=list, max_length=4)
    wings: int = Field(2, ge=0, description="How many")
    note: Optional[str] = Field(None, min_length=3)  # noqa: UP045 -- as people write it
    email: str | None = Field(None, json_schema_extra={"pattern": r"^(?!x).*$"})


class Node(BaseModel):
    value: int
    below: Optional["Node"] = None
    weight: float = 1.0


def objects(schema):
    """All schemas of objects inside a schema."""
    if isinstance(schema, list):
        return [found for each in schema for found in objects(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "object" else []
    return own + [found for each in schema.values() for found in objects(each)]


@pytest.mark.parametrize("model", [Leg, Animal, Node])
def test_every_object_is_closed_and_requires_all_it_has(model):
    found = strict_schema(as_schema(model).sent)
    assert objects(found)
    for each in objects(found):
        assert each["additionalProperties"] is False
        assert each["required"] == list(each["properties"])
    jsonschema.Draft202012Validator.check_schema(found)


@pytest.mark.parametrize("model", [Leg, Animal, Node])
def test_the_same_properties_are_there_as_in_the_schema_that_the_sdk_makes(model):
    from openai.lib._pydantic import to_strict_json_schema

    theirs = {tuple(each["properties"]) for each in objects(to_strict_json_schema(model))}
    assert {tuple(each["properties"]) for each in objects(strict_schema(as_schema(model).sent))} == theirs


ANSWER = {
    "kind": "bird",
    "colour": None,
    "legs": [{"name": "left", "length": None}],
    "wings": None,
    "note": None,
    "email": None,
}


def test_an_answer_with_null_for_what_may_be_left_out_becomes_the_object_with_its_defaults():
    schema = as_schema(Animal).sent
    jsonschema.validate(ANSWER, strict_schema(schema))
    found = Animal.model_validate(without_absent(ANSWER, schema))
    assert found == Animal(kind="bird", legs=[Leg(name="left")])


def test_what_refers_to_itself_keeps_its_references_and_is_read_back():
    schema = as_schema(Node).sent
    answer = {
        "value": 1,
        "weight": None,
        "below": {"value": 2, "weight": None, "below": {"value": 3, "weight": 2.0, "below": None}},
    }
    jsonschema.validate(answer, strict_schema(schema))
    found = Node.model_validate(without_absent(answer, schema))
    assert (found.weight, found.below.weight, found.below.below.weight) == (1.0, 1.0, 2.0)


def obj(properties, required=(), **more):
    return {"type": "object", "properties": properties, "required": list(required), **more}


def test_a_limit_that_the_strict_form_does_not_know_is_told_in_words():
    found = strict_schema(obj({"a": {"type": "string", "minLength": 3, "format": "uri"}}, "a"))
    assert found["properties"]["a"] == {"type": "string", "description": "(format: uri; minLength: 3)"}


def test_a_default_is_told_in_words():
    found = strict_schema(obj({"a": {"type": "integer", "default": 7, "description": "Legs"}}))
    assert found["properties"]["a"] == {
        "description": "Legs (null for the default, 7)",
        "anyOf": [{"type": "integer"}, {"type": "null"}],
    }


@pytest.mark.parametrize(
    ("given", "kind"),
    [({"enum": ["a", "b"]}, "string"), ({"const": 3}, "integer"), ({"enum": [1, None]}, ["integer", "null"])],
)
def test_values_that_are_listed_get_their_type(given, kind):
    assert strict_schema(obj({"a": given}, "a"))["properties"]["a"] == {**given, "type": kind}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string"}},
        {"type": "object"},
        {"anyOf": [obj({}), obj({"a": {"type": "null"}})]},
        obj({"a": {}}),
        obj({"a": {"type": "string"}}, additionalProperties=True),
        obj({"a": {"type": "object", "additionalProperties": {"type": "integer"}}}),
        obj({"a": {"oneOf": [{"type": "string"}, {"type": "integer"}]}}),
        obj({"a": {"not": {"type": "string"}}}),
        obj({"a": {"type": "array", "prefixItems": [{"type": "string"}]}}),
        obj({"a": {"$ref": "#/$defs/gone"}}),
        obj({}, "a"),
        obj({"a": {"enum": [{"x": 1}]}}),
        obj({"a": {"type": "string", "enum": [str(n) for n in range(1001)]}}),
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
    ],
    ids=str,
)
def test_what_has_no_strict_form_is_said_to_have_none(schema):
    assert strict_schema(schema) is None


def test_a_schema_nested_deeper_than_the_service_takes_has_no_strict_form():
    schema = {"type": "string"}
    for _ in range(11):
        schema = obj({"a": schema}, "a")
    assert strict_schema(schema) is None
    assert strict_schema(schema["properties"]["a"]) is not None


UNION = obj(
    {
        "pet": {
            "anyOf": [
                obj({"kind": {"const": "cat"}, "lives": {"type": "integer"}}, ["kind"]),
                obj({"kind": {"const": "dog"}, "tag": {"type": ["string", "null"]}}, ["kind", "tag"]),
            ]
        },
        "any": True,
        "list": {"type": "array", "items": {"allOf": [obj({"x": {"type": "integer"}})]}},
    }
)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"pet": {"kind": "cat", "lives": None}}, {"pet": {"kind": "cat"}}),
        ({"pet": {"kind": "dog", "tag": None}}, {"pet": {"kind": "dog", "tag": None}}),
        ({"pet": {"kind": "cow", "lives": None}}, {"pet": {"kind": "cow", "lives": None}}),
        ({"any": None, "other": None}, {"any": None, "other": None}),
        ({"list": [{"x": None}, None, {"x": 1}]}, {"list": [{}, None, {"x": 1}]}),
        ([None], [None]),
        (None, None),
    ],
)
def test_only_a_null_that_does_not_fit_and_is_not_needed_is_left_out(value, found):
    assert without_absent(value, UNION) == found
