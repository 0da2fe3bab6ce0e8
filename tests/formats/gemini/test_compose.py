"""A request, its config and its schema become one request in REST form."""

import base64

import pytest
from google.genai import types
from pydantic import BaseModel

from gemchain.errors import RequestError
from gemchain.formats.gemini.compose import as_request, compose
from gemchain.formats.schema import inlined
from tests.apps import answers

HELLO = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
BYTES = b"\xff\xfe\xfb\x00"

FULL = types.GenerateContentConfig(
    system_instruction="Be brief.",
    temperature=0.2,
    top_p=0.9,
    max_output_tokens=100,
    stop_sequences=["END"],
    thinking_config=types.ThinkingConfig(thinking_budget=0),
    media_resolution="MEDIA_RESOLUTION_LOW",
    safety_settings=[
        types.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_ONLY_HIGH"),
    ],
    tools=[types.Tool(google_search=types.GoogleSearch())],
    tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="NONE")),
    cached_content="cachedContents/1",
    labels={"team": "a"},
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)


def test_every_field_of_a_config_lands_where_rest_expects_it():
    assert compose("hello", FULL).request == {
        **HELLO,
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}],
        "tools": [{"googleSearch": {}}],
        "toolConfig": {"functionCallingConfig": {"mode": "NONE"}},
        "cachedContent": "cachedContents/1",
        "labels": {"team": "a"},
        "generationConfig": {
            "temperature": 0.2,
            "topP": 0.9,
            "maxOutputTokens": 100,
            "stopSequences": ["END"],
            "thinkingConfig": {"thinkingBudget": 0},
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
        },
    }


def test_every_field_that_google_genai_knows_is_placed_as_google_genai_places_it():
    """Its own converter is the reference; it is private, so a version that moves it shows here."""
    from google.genai import models

    beside = {}
    plain = {name: value for name, value in FULL if value is not None}
    needs_a_client = {"tools": None, "cached_content": None}
    generation = models._GenerateContentConfig_to_vertex(None, plain | needs_a_client, beside, None)
    ours = compose("hello", FULL).request
    assert set(ours) - {"contents", "tools", "cachedContent", "generationConfig"} == set(beside)
    assert set(ours["generationConfig"]) == set(generation)


@pytest.mark.parametrize(
    "config",
    [
        {"temperature": 0.2, "max_output_tokens": 5, "top_k": None},
        {"temperature": 0.2, "maxOutputTokens": 5},
        {"generationConfig": {"temperature": 0.2, "max_output_tokens": 5}},
        {"generation_config": {"temperature": 0.9, "maxOutputTokens": 5}, "temperature": 0.2},
        types.GenerateContentConfig(temperature=0.2, max_output_tokens=5),
        types.GenerationConfig(temperature=0.2, max_output_tokens=5),
    ],
    ids=["snake", "camel", "nested", "both", "genai", "genai generation"],
)
def test_a_config_may_be_spelled_in_any_way(config):
    assert compose("hello", config).request == {
        **HELLO,
        "generationConfig": {"temperature": 0.2, "maxOutputTokens": 5},
    }


def test_a_config_wins_over_the_request_and_keeps_what_it_does_not_name():
    given = {
        **HELLO,
        "generation_config": {"top_p": 0.5, "temperature": 1},
        "system_instruction": {"parts": []},
    }
    found = compose(given, {"temperature": 0, "systemInstruction": "x"}).request
    assert found["generationConfig"] == {"topP": 0.5, "temperature": 0}
    assert found["systemInstruction"] == {"parts": [{"text": "x"}]}
    assert "system_instruction" not in found
    assert "generation_config" not in found


@pytest.mark.parametrize(
    "instruction",
    [
        "x",
        ["x"],
        types.Part(text="x"),
        {"text": "x"},
        {"parts": [{"text": "x"}]},
        types.Content(role="system", parts=[types.Part(text="x")]),
        types.UserContent("x"),
    ],
)
def test_a_system_instruction_may_be_given_in_any_form(instruction):
    assert compose("hello", {"system_instruction": instruction}).request["systemInstruction"] == {
        "parts": [{"text": "x"}]
    }


def look_up(name: str) -> str:
    return name


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"tools": [look_up]}, "'look_up' is a Python function"),
        (types.GenerateContentConfig(tools=[look_up]), "functionDeclarations"),
        ({"http_options": {"timeout": 1}}, "cannot honour"),
        ({"temperature": object()}, "object is not JSON"),
        ({1: 2}, "names as keys"),
        ("hot", "not 'hot'"),
        (answers.Person, "config is a GenerateContentConfig"),
        ({"response_schema": object()}, "not JSON"),
    ],
)
def test_a_config_that_can_never_work_is_refused_with_the_way_out(config, words):
    with pytest.raises(RequestError, match=words):
        compose("hello", config)


def test_without_config_and_schema_a_request_passes_unchanged():
    given = {
        **HELLO,
        "safety_settings": [{"category": "x"}],
        "tools": [{"codeExecution": {}}],
        "future": {"a": None},
    }
    assert compose(given).request == given


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        ({"response_schema": {"type": "STRING"}}, {"responseSchema": {"type": "STRING"}}),
        ({"response_schema": types.Schema(type="STRING")}, {"responseSchema": {"type": "STRING"}}),
        ({"response_json_schema": {"type": "string"}}, {"responseJsonSchema": {"type": "string"}}),
        (
            {"responseSchema": list[int]},
            {"responseJsonSchema": {"type": "array", "items": {"type": "integer"}}},
        ),
        ({"response_schema": int}, {"responseJsonSchema": {"type": "integer"}}),
    ],
)
def test_a_schema_in_a_config_asks_for_json(config, asked):
    found = compose("hello", config)
    assert found.request["generationConfig"] == {"responseMimeType": "application/json", **asked}
    assert found.schema is None


def test_a_mime_type_that_is_chosen_stays():
    config = {"response_mime_type": "text/x.enum", "response_schema": {"type": "STRING", "enum": ["a"]}}
    assert compose("hello", config).request["generationConfig"]["responseMimeType"] == "text/x.enum"


@pytest.mark.parametrize(
    "given",
    [
        {"schema": answers.Person},
        {"config": {"response_schema": answers.Person}},
        {"config": types.GenerateContentConfig(response_schema=answers.Person)},
    ],
    ids=["schema", "config", "genai"],
)
def test_a_model_class_sends_its_schema_and_is_kept(given):
    found = compose("hello", **given)
    assert found.model is answers.Person
    assert found.schema == answers.Person.model_json_schema()
    assert found.request["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": found.schema,
    }


def test_nested_classes_are_written_out():
    found = compose("hello", schema=answers.Team).schema
    assert "$ref" not in str(found)
    assert "$defs" not in found
    assert found["properties"]["members"]["items"]["properties"]["age"] == {
        "minimum": 0,
        "title": "Age",
        "type": "integer",
    }


def test_what_stands_beside_a_reference_is_kept():
    schema = {"$defs": {"A": {"type": "string", "title": "A"}}, "$ref": "#/$defs/A", "title": "mine"}
    assert inlined(schema) == {"type": "string", "title": "mine"}


def test_a_class_that_refers_to_itself_keeps_its_references():
    assert compose("hello", schema=answers.Node).schema == answers.Node.model_json_schema()


def test_a_dict_as_schema_is_sent_as_it_is():
    schema = {"$defs": {"A": {"type": "string"}}, "$ref": "#/$defs/A"}
    assert compose("hello", schema=schema)[1:] == (schema, None)


PART = types.Part.from_bytes(data=BYTES, mime_type="image/png")
IMAGE = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(BYTES).decode()}}


@pytest.mark.parametrize(
    "given",
    [
        types.Content(role="user", parts=[types.Part(text="look"), PART]),
        types.UserContent(["look", PART]),
        ["look", PART],
        [types.Content(parts=[types.Part(text="look"), PART])],
        ["look", {"inlineData": {"mimeType": "image/png", "data": BYTES}}],
        {"contents": [{"role": "user", "parts": [{"text": "look"}, PART]}]},
    ],
    ids=["content", "user content", "parts", "content without role", "dict part", "part in a dict"],
)  # fmt: skip
def test_google_genai_objects_become_rest_with_bytes_in_the_standard_alphabet(given):
    assert as_request(given) == {"contents": [{"role": "user", "parts": [{"text": "look"}, IMAGE]}]}


def test_a_file_that_google_genai_uploaded_is_referred_to():
    file = types.File(name="files/1", uri="https://x/files/1", mime_type="image/png", size_bytes=3)
    assert as_request([file, "look"])["contents"][0]["parts"] == [
        {"fileData": {"fileUri": "https://x/files/1", "mimeType": "image/png"}},
        {"text": "look"},
    ]


def test_an_object_that_is_a_whole_request_passes_as_one():
    class GenerateContentRequest(BaseModel):
        contents: list[types.Content]
        system_instruction: types.Content | None = None

    given = GenerateContentRequest(contents=[types.UserContent("hello")])
    assert as_request(given) == HELLO


def test_turns_keep_their_order_and_parts_between_them_their_turn():
    given = [
        "a",
        types.ModelContent("b"),
        "c",
        {"fileData": {"fileUri": "gs://b/f", "mimeType": "text/plain"}},
    ]
    assert [(turn["role"], len(turn["parts"])) for turn in as_request(given)["contents"]] == [
        ("user", 1),
        ("model", 1),
        ("user", 2),
    ]


def test_enums_and_function_calls_of_google_genai_are_spelled_as_rest_spells_them():
    call = types.Part(function_call=types.FunctionCall(name="f", args={"some_key": [1]}))
    assert as_request([types.ModelContent([call])])["contents"] == [
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"some_key": [1]}}}]}
    ]
    parameters = types.Schema(type=types.Type.OBJECT, properties={"a_b": types.Schema(type="STRING")})
    declared = types.FunctionDeclaration(name="f", parameters=parameters)
    (tool,) = compose("x", {"tools": [types.Tool(function_declarations=[declared])]}).request["tools"]
    assert tool["functionDeclarations"][0]["parameters"] == {
        "type": "OBJECT",
        "properties": {"a_b": {"type": "STRING"}},
    }
