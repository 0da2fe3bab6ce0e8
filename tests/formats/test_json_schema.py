"""JSON schemas that are none are refused, with the path to what is wrong."""

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import gemchain
from gemchain.base import jsontext
from gemchain.errors import RequestError
from gemchain.formats.json_schema import check_schema_text
from gemchain.formats.schema import as_schema
from tests.support.engines import embedded
from tests.support.fuzzing import fuzz


def inside(schema):
    return {"type": "object", "properties": {"mood": schema}}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "objct"}, "schema.type is 'objct', which is no type; did you mean 'object'"),
        (inside({"type": "str"}), r"schema\.properties\.mood\.type is 'str'.*did you mean 'string'"),
        (inside({"type": "array", "items": {"type": "txt"}}), r"properties\.mood\.items\.type"),
        (inside({"anyOf": [{"type": "string"}, {"type": "nul"}]}), r"mood\.anyOf\[1\]\.type.*'null'"),
        (inside({"type": ["string", "nothing"]}), r"mood\.type is 'nothing'"),
        (inside({"type": None}), "None"),
        (inside("string"), r"properties\.mood is 'string', and must be an object"),
        ({"type": "object", "propertis": {}}, "'propertis' is no keyword; did you mean 'properties'"),
        ({"type": "object", "required": "mood"}, "must be a list of names"),
        ({"type": "string", "enum": "a"}, "must be a list of values"),
        ({"anyOf": []}, "must be a list of schemas"),
        ({"type": "object", "properties": ["a"]}, "must be an object of schemas"),
        ({"type": "string", "minLength": -1}, "at least 0"),
        ({"type": "number", "minimum": "3"}, r"schema\.minimum: '3' is not of type 'number'"),
        ({"$ref": "#/$defs/Gone"}, "which is not in it"),
    ],
    ids=str,
)
def test_a_schema_that_is_none_is_refused_with_the_path(schema, words):
    with pytest.raises(RequestError, match=words):
        check_schema_text(jsontext.dump(schema))


class Node(BaseModel):
    name: str | None = None
    children: "list[Node]" = []
    weights: dict[str, float] = {}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": ["string", "null"]},
        inside({"const": {"type": "objct"}, "default": {"$ref": "#/nowhere"}}),
        {"type": "object", "properties": {"type": {"type": "string"}, "propertis": {"type": "null"}}},
        {"type": "object", "additionalProperties": False, "x-order": 1, "propertyOrdering": ["a"]},
        {"$defs": {"a/b": {"type": "string"}}, "$ref": "#/$defs/a~1b"},
        Node.model_json_schema(),
        as_schema(Node).sent,
    ],
    ids=range(8),
)
def test_a_schema_that_is_one_passes(schema):
    check_schema_text(jsontext.dump(schema))


@pytest.mark.parametrize("model", ["simulated/gemini-3.5-flash-lite", "simulated/plain/echo"])
def test_it_is_refused_at_submit_in_every_format(engine, model):
    with pytest.raises(gemchain.RequestError, match=r"schema\.properties\.mood\.type is 'strng'"):
        gemchain.submit("x", model, schema=inside({"type": "strng"}))
    assert engine.runtime.store.list_chains() == []


@pytest.fixture
def engine(tmp_path):
    with embedded(tmp_path) as running:
        yield running


SCHEMAS = st.recursive(
    st.fixed_dictionaries({"type": st.sampled_from(["string", "STRING", "integer", "strng", 1, None])}),
    lambda below: st.one_of(
        st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from("ab"), below, max_size=2)}),
        st.fixed_dictionaries({"items": below}),
        st.fixed_dictionaries({"anyOf": st.lists(below, max_size=2)}),
        st.fixed_dictionaries({"required": st.lists(st.one_of(st.text(), st.integers(0, 9)), max_size=2)}),
    ),
    max_leaves=5,
)


@fuzz(40)
@given(SCHEMAS)
def test_what_the_draft_refuses_is_refused(schema):
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        sound = True
    except jsonschema.SchemaError:
        sound = False
    if sound:
        check_schema_text(jsontext.dump(schema))
    else:
        with pytest.raises(RequestError):
            check_schema_text(jsontext.dump(schema))
