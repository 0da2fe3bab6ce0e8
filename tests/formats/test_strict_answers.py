"""Whatever fits the strict form of a schema fits the schema, once what was left out is left out."""

import jsonschema
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gemchain.formats.absent import without_absent
from gemchain.formats.strict_schema import strict_schema

LEAVES = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer", "minimum": 0, "maximum": 9},
        {"type": ["number", "null"], "minimum": -1, "maximum": 1},
        {"type": "boolean", "default": True},
        {"type": "null"},
        {"enum": ["red", "blue", None]},
        {"const": "x"},
        {"$ref": "#/$defs/leaf"},
        {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"type": "null"}]},
    ]
)
LEAF = {"type": "object", "properties": {"a": {"type": "boolean"}, "b": {"type": "null"}}, "required": ["b"]}
NAMES = ["a", "b", "c"]


def objects(inner):
    def made(properties, needed):
        return {
            "type": "object",
            "properties": properties,
            "required": [name for name in needed if name in properties],
        }

    properties = st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    return st.builds(made, properties, st.sets(st.sampled_from(NAMES)).map(sorted))


def lists(inner):
    return st.builds(lambda each: {"type": "array", "items": each, "maxItems": 2}, inner)


def choices(inner):
    return st.builds(lambda each: {"anyOf": each}, st.lists(inner, min_size=1, max_size=2))


SCHEMAS = objects(
    st.recursive(LEAVES, lambda inner: objects(inner) | lists(inner) | choices(inner), max_leaves=6)
)


def values(schema, root):
    """Values that fit a schema in strict form."""
    if "$ref" in schema:
        return values(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in schema:
        return st.one_of([values(each, root) for each in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return st.one_of([of_type(kind, schema, root) for kind in kinds])


def of_type(kind, schema, root):
    limits = {"min_value": schema.get("minimum"), "max_value": schema.get("maximum")}
    return {
        "object": lambda: st.fixed_dictionaries(
            {name: values(each, root) for name, each in schema.get("properties", {}).items()}
        ),
        "array": lambda: st.lists(values(schema["items"], root), max_size=schema["maxItems"]),
        "string": lambda: st.text(max_size=3),
        "integer": lambda: st.integers(**limits),
        "number": lambda: st.floats(**limits, allow_nan=False),
        "boolean": st.booleans,
        "null": st.none,
    }[kind]()


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(SCHEMAS, st.data())
def test_what_fits_the_strict_form_fits_the_schema_without_its_absent_nulls(schema, data):
    schema = {**schema, "$defs": {"leaf": LEAF}}
    strict = strict_schema(schema)
    assume(strict is not None)
    value = data.draw(values(strict, strict))
    jsonschema.Draft202012Validator(strict).validate(value)
    jsonschema.Draft202012Validator(schema).validate(without_absent(value, schema))
