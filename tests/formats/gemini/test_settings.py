"""Settings of a Gemini request: the table, google-genai's own types, and what is said against mistakes."""

import subprocess
import sys
import types as python_types
import typing
from types import SimpleNamespace

import pytest
from google.genai import types
from pydantic import BaseModel, TypeAdapter, ValidationError

from gemchain.errors import RequestError
from gemchain.formats.gemini.compose import BESIDE_CONTENTS, OF_THE_CLIENT, compose
from gemchain.formats.gemini.settings import check_settings
from gemchain.formats.gemini.settings_table import BESIDE, GENERATION


def check(config):
    check_settings(compose("x", config).request)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"temprature": 0.5}, "config has no field 'temprature'; did you mean 'temperature'"),
        ({"max_output_tokns": 5}, "did you mean 'maxOutputTokens'"),
        ({"entirely_new": 1}, "GenerateContentConfig"),
        ({"temperature": "hot"}, "config.temperature takes a number, not 'hot'"),
        ({"temperature": True}, "takes a number"),
        ({"temperature": -5}, "from 0 to 2, not -5"),
        ({"top_p": 1.5}, "from 0 to 1"),
        ({"max_output_tokens": 0}, "at least 1"),
        ({"max_output_tokens": "many"}, "a whole number"),
        ({"seed": 1.5}, "a whole number"),
        ({"stop_sequences": "END"}, "a list of texts"),
        ({"response_logprobs": "yes"}, "true or false"),
        (
            {"thinking_config": {"thinking_bugdet": 1}},
            r"config\.thinkingConfig has no field.*'thinkingBudget'",
        ),
        ({"thinking_config": 3}, "thinkingConfig is an object"),
        ({"safety_settings": [{"categry": "x"}]}, r"safetySettings\[0\] has no field 'categry'"),
        ({"safety_settings": {"category": "x"}}, "a list of objects"),
        ({"tool_config": {"functionCallingConfig": {"mod": "ANY"}}}, "did you mean 'mode'"),
        ({"response_schema": {"type": "OBJCT"}}, "config.responseSchema.type is 'OBJCT'.*'object'"),
        (
            {"response_json_schema": {"properties": {"a": {"type": "strng"}}}},
            r"properties\.a\.type is 'strng'",
        ),
        (
            {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJ"}}]}]},
            r"tools\[0\]\.functionDeclarations\[0\]\.parameters\.type",
        ),
    ],
    ids=str,
)
def test_a_mistake_is_refused_with_its_place(config, words):
    with pytest.raises(RequestError, match=words):
        check(config)


@pytest.mark.parametrize("name", ["generationConfig", "generation_config"])
def test_the_settings_inside_a_request_are_checked_too(name):
    contents = [{"role": "user", "parts": [{"text": "x"}]}]
    with pytest.raises(RequestError, match="temprature"):
        check_settings({"contents": contents, name: {"temprature": 1}})


FINE = [
    {"temperature": 0, "top_p": 0.9, "top_k": 40, "seed": -1, "candidate_count": None},
    {"thinkingConfig": {"thinkingBudget": -1, "include_thoughts": True}},
    {"responseModalities": ["TEXT"], "speech_config": "Kore"},
    {"response_schema": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "maxLength": "5"}}}},
    {"response_schema": {"type": "object", "properties": {"a": {"type": "string", "nullable": True}}}},
    {"model_selection_config": {"feature_selection_preference": "BALANCED"}},
    types.GenerateContentConfig(
        temperature=0.1,
        response_schema=types.Schema(type=types.Type.OBJECT, properties={"a": types.Schema(type="STRING")}),
        safety_settings=[
            types.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_ONLY_HIGH")
        ],
        thinking_config=types.ThinkingConfig(thinking_budget=0, thinking_level="LOW"),
        speech_config=types.SpeechConfig(language_code="de-DE"),
        tools=[types.Tool(google_search=types.GoogleSearch()), types.Tool(code_execution={})],
        tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),
        response_modalities=["TEXT"],
        media_resolution="MEDIA_RESOLUTION_LOW",
    ),
]


@pytest.mark.parametrize("config", FINE, ids=range(len(FINE)))
def test_what_is_right_passes(config):
    check(config)


KINDS = {
    "number": float,
    "integer": int,
    "text": str,
    "boolean": bool,
    "texts": list[str],
}


def inside(annotation):
    """What an annotation allows beside None."""
    if isinstance(annotation, python_types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return [each for each in typing.get_args(annotation) if each is not type(None)]
    return [annotation]


def differences(fields, classes, place=""):
    """Where a part of the table differs from google-genai's classes."""
    theirs = {field.alias: field.annotation for each in classes for field in each.model_fields.values()}
    found = [f"{place}: {name} is missing or too much" for name in theirs.keys() ^ fields.keys()]
    for name, kind in fields.items():
        for allowed in inside(theirs[name]) if name in theirs else ():
            found += differs(kind, allowed, f"{place}.{name}")
    return found


def differs(kind, allowed, place):
    is_model = isinstance(allowed, type) and issubclass(allowed, BaseModel)
    listed = [
        each for each in typing.get_args(allowed) if isinstance(each, type) and issubclass(each, BaseModel)
    ]
    if kind.fields is not None and (is_model or listed):
        return differences(kind.fields, [allowed] if is_model else listed, place)
    if kind.name in KINDS:
        return values_differ(kind, allowed, place)
    right = {"objects": bool(listed), "object": is_model, "text_or_object": is_model or allowed is str}
    return [] if right.get(kind.name, True) else [f"{place}: {kind.name} is not {allowed}"]


VALUES = ["word", 1, 1.5, True, ["a"], {"a": 1}]


def values_differ(kind, allowed, place):
    """google-genai takes enumerations as texts; everything else is compared value by value, strictly."""
    adapter = TypeAdapter(str if isinstance(allowed, type) and issubclass(allowed, str) else allowed)
    if typing.get_origin(allowed) is list:
        adapter = TypeAdapter(list[str])
    ours = TypeAdapter(KINDS[kind.name])
    return [f"{place}: {value!r}" for value in VALUES if takes(adapter, value) != takes(ours, value)]


def takes(adapter, value):
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def test_the_table_agrees_with_the_types_of_google_genai():
    whole = {name: kind for name, kind in {**GENERATION, **BESIDE}.items() if name != "tools"}
    by_hand = {"httpOptions", "systemInstruction", "labels", "tools", *OF_THE_CLIENT}
    both = [types.GenerateContentConfig, types.GenerationConfig]
    names = {field.alias for each in both for field in each.model_fields.values()} - by_hand
    assert names == whole.keys()
    fields = {f.alias: f.annotation for each in reversed(both) for f in each.model_fields.values()}
    found = [
        each
        for name, kind in whole.items()
        for allowed in inside(fields[name])
        for each in (
            differs(kind, allowed, name) if kind.name not in ("schema", "json_schema", "any") else []
        )
    ]
    assert found == []
    assert differences(BESIDE["tools"].fields, [types.Tool]) == []
    assert BESIDE_CONTENTS - {"systemInstruction", "labels"} == BESIDE.keys()


def test_the_table_refuses_the_values_that_it_says_it_refuses():
    for name, kind in GENERATION.items():
        if kind.name in KINDS:
            ours = TypeAdapter(KINDS[kind.name])
            for value in VALUES:
                in_range = not isinstance(value, float) or (kind.high or 2) >= value
                if in_range and name != "temperature":
                    assert takes(ours, value) == passes({name: value}), (name, value)


def passes(config):
    try:
        check(config)
    except RequestError:
        return False
    return True


def test_a_field_that_only_a_loaded_google_genai_knows_passes(monkeypatch):
    newer = SimpleNamespace(model_fields={"brand_new": SimpleNamespace(alias="brandNew")})
    monkeypatch.setattr(types, "GenerateContentConfig", newer)
    check({"brand_new": 1})
    monkeypatch.delitem(sys.modules, "google.genai.types")
    with pytest.raises(RequestError, match="brandNew"):
        check({"brand_new": 2})


def test_the_check_does_not_import_google_genai():
    code = (
        "import sys\n"
        "from gemchain.formats.gemini.compose import compose\n"
        "from gemchain.formats.gemini.settings import check_settings\n"
        "check_settings(compose('x', {'temperature': 0.5}).request)\n"
        "try:\n    check_settings(compose('x', {'temprature': 0.5}).request)\n"
        "except Exception as error:\n    print(error)\n"
        "assert not any(name.startswith('google.genai') for name in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "did you mean 'temperature'" in done.stdout
