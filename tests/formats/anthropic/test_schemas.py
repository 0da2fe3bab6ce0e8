"""Schemas are put in the form that Claude can be held to, and never allow another answer than before."""

import jsonschema
import pytest
from pydantic import BaseModel, Field

from gemchain.formats.anthropic.schemas import enforced
from gemchain.formats.schema import as_schema


class Wing(BaseModel):
    length: float = Field(gt=0, description="In metres.")
    colour: str | None = None


class Bird(BaseModel):
    """A bird."""

    name: str = Field(min_length=2, max_length=40)
    kind: str = Field(json_schema_extra={"enum": ["owl", "duck"]})
    wings: list[Wing] = Field(min_length=1, max_length=2)
    seen: str = Field(json_schema_extra={"format": "date"})


def test_every_object_is_closed_and_limits_are_told():
    schema = enforced(as_schema(Bird).sent)
    assert schema["additionalProperties"] is False
    assert schema["description"] == "A bird."
    fields = schema["properties"]
    assert fields["name"]["type"] == "string"
    assert fields["name"]["description"] == "(maxLength: 40; minLength: 2)"
    assert fields["kind"]["enum"] == ["owl", "duck"]
    assert fields["seen"]["format"] == "date"
    assert fields["wings"]["minItems"] == 1
    assert fields["wings"]["description"] == "(maxItems: 2)"
    wing = fields["wings"]["items"]
    assert wing["additionalProperties"] is False
    assert wing["properties"]["length"]["description"] == "In metres. (exclusiveMinimum: 0)"
    assert [each["type"] for each in wing["properties"]["colour"]["anyOf"]] == ["string", "null"]


def test_what_fits_fits_the_users_schema_as_well():
    sent = as_schema(Bird).sent
    bird = {"name": "Ada", "kind": "owl", "wings": [{"length": 0.4, "colour": None}], "seen": "2026-11-28"}
    jsonschema.validate(bird, enforced(sent))
    jsonschema.validate(bird, sent)


@pytest.mark.parametrize(
    ("schema", "same"),
    [
        ({"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": ["integer"]}, {"type": "integer"}),
        ({"const": 5}, {"const": 5}),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]},
         {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ({"type": "string", "format": "regex"}, {"type": "string", "description": '(format: "regex")'}),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "boolean"}}}, {"type": "boolean"}),
    ],
    ids=str,
)  # fmt: skip
def test_keywords_are_put_in_words_that_the_service_knows(schema, same):
    assert enforced(schema) == same


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "object", "properties": {}, "required": ["a"]},
        {"type": "array"},
        {"type": "array", "items": {}},
        {"not": {"type": "string"}},
        {"enum": [{"a": 1}]},
        {"anyOf": [{"type": "string"}], "minLength": 2},
        {"type": "object", "properties": {"a": {"$ref": "#"}}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"type": "array", "items": {"$ref": "#/$defs/A"}}}},
    ],
    ids=str,
)
def test_a_schema_that_allows_what_it_cannot_be_held_to_has_no_such_form(schema):
    assert enforced(schema) is None
