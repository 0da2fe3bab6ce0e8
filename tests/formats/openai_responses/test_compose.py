"""A request, its settings and its schema become one request that OpenAI's own types take."""

import base64
from pathlib import Path

import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import BaseModel, RootModel

from gemchain.errors import RequestError
from gemchain.formats.files import inline
from gemchain.formats.openai_responses.format import OPENAI_RESPONSES
from gemchain.ports import FileContent, Options, ToolCall
from tests.support.typed_dicts import assert_fits

WEATHER = {
    "name": "weather",
    "description": "The weather of a town.",
    "parameters": {"type": "object", "properties": {"town": {"type": "string"}}},
}


def composed(given, *args, **options):
    """The request, which passes the checks and the SDK's own types."""
    request = OPENAI_RESPONSES.compose(given, *args, options=Options(**options)).request
    OPENAI_RESPONSES.check("gpt-x", request)
    OPENAI_RESPONSES.check_settings(request)
    assert_fits(ResponseCreateParamsNonStreaming, {"model": "gpt-x", **request})
    return request


def test_a_text_is_the_input_and_openai_keeps_no_copy():
    assert composed("Hello") == {"input": "Hello", "store": False}


def test_a_copy_is_kept_for_who_asks_for_it():
    assert composed("Hello", {"store": True})["store"] is True
    assert composed({"input": "Hello"}) == {"input": "Hello"}


def test_settings_that_mean_the_same_everywhere_are_spelled():
    request = composed("Hello", system="Be brief.", max_output_tokens=50, temperature=0.5, tools=[WEATHER])
    assert request == {
        "input": "Hello",
        "store": False,
        "instructions": "Be brief.",
        "max_output_tokens": 50,
        "temperature": 0.5,
        "tools": [{"type": "function", "strict": False, **WEATHER}],
    }


def test_a_conversation_with_calls_becomes_items_in_order():
    calls = [ToolCall("weather", {"town": "Ulm"}, "c1")]
    request = composed([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "I look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": ["sun", "wind"]},
        {"role": "assistant", "content": ["Fine.", "Windy."]},
    ])  # fmt: skip
    assert request["instructions"] == "Be brief."
    sun = [{"type": "input_text", "text": "sun"}, {"type": "input_text", "text": "wind"}]
    assert request["input"] == [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"town":"Ulm"}'},
        {"type": "function_call_output", "call_id": "c1", "output": sun},
        {"role": "assistant", "content": "Fine.\n\nWindy."},
    ]


def test_a_lone_message_of_the_assistant_stays_one():
    request = composed([{"role": "assistant", "content": "Hello"}])
    assert request["input"] == [{"role": "assistant", "content": "Hello"}]


def test_local_files_go_along_as_bytes(tmp_path):
    content = {"a.png": b"\x89PNG", "b.pdf": b"%PDF", "c.csv": b"x,y\n1,2\n"}
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    paths = [tmp_path / name for name in content]

    def attach(path):
        return inline(path, instead="send less")

    request = composed([*paths, "What is this?"], None, None, attach)
    parts = [
        {"type": "input_image", "detail": "auto", "image_url": _url("image/png", b"\x89PNG")},
        {
            "type": "input_file",
            "filename": "file.pdf",
            "file_data": _url("application/pdf", b"%PDF"),
        },
        {"type": "input_text", "text": "x,y\n1,2\n"},
        {"type": "input_text", "text": "What is this?"},
    ]
    assert request["input"] == [{"role": "user", "content": parts}]
    own = composed(
        [{"role": "user", "content": [paths[0], {"type": "input_text", "text": "?"}]}], None, None, attach
    )
    assert own["input"][0]["content"][0] == parts[0]


def _url(kind, data):
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("mime_type", "field"), [("image/png", "image_url"), ("application/pdf", "file_url")]
)
def test_a_file_on_the_web_is_named_by_its_address(mime_type, field):
    def attach(path):
        return FileContent(mime_type, uri="https://example.com/a")

    (item,) = composed([Path("a.png")], None, None, attach)["input"]
    assert item["content"][0][field] == "https://example.com/a"


@pytest.mark.parametrize(
    ("mime_type", "uri", "words"),
    [
        ("audio/mpeg", None, "Gemini models take audio"),
        ("image/heic", None, "convert the image"),
        ("application/pdf", "gs://bucket/a.pdf", "only Gemini models read gs://"),
    ],
)
def test_a_file_that_openai_cannot_read_is_refused_with_who_can(mime_type, uri, words):
    def attach(path):
        return FileContent(mime_type, uri=uri, data=None if uri else b"x")

    with pytest.raises(RequestError, match=words):
        OPENAI_RESPONSES.compose([Path("a.png")], attach=attach)


class Bird(BaseModel):
    name: str
    wings: int | None = None


def test_a_schema_is_sent_in_strict_form_beside_other_settings_of_the_text():
    made = OPENAI_RESPONSES.compose("A bird.", {"text": {"verbosity": "low"}}, Bird)
    composed(made.request)
    asked = made.request["text"]
    assert asked["verbosity"] == "low"
    assert (asked["format"]["name"], asked["format"]["strict"]) == ("Bird", True)
    assert asked["format"]["schema"]["required"] == ["name", "wings"]
    assert made.schema["required"] == ["name"]


def test_a_schema_without_a_strict_form_is_only_asked_for():
    schema = {"type": "object", "additionalProperties": {"type": "integer"}, "title": "My counts!"}
    asked = composed("Count.", None, schema)["text"]["format"]
    assert asked == {"type": "json_schema", "name": "My_counts_", "schema": schema, "strict": False}


def test_a_schema_that_is_no_object_is_refused():
    with pytest.raises(RequestError, match="Gemini"):
        OPENAI_RESPONSES.compose("x", schema=RootModel[list[int]])


def test_a_config_of_gemini_means_the_same_here():
    request = composed("x", {"maxOutputTokens": 7, "system_instruction": "Be brief.", "topP": 0.5})
    assert (request["max_output_tokens"], request["instructions"], request["top_p"]) == (7, "Be brief.", 0.5)
    assert OPENAI_RESPONSES.compose("x", {"response_schema": Bird}).model is Bird


def test_what_the_service_cannot_match_or_read_is_refused():
    with pytest.raises(RequestError, match="'tool_call_id'"):
        OPENAI_RESPONSES.compose([{"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]}])
    with pytest.raises(RequestError, match="of the user only"):
        OPENAI_RESPONSES.compose([{"role": "assistant", "content": [Path("a.png")]}])
    with pytest.raises(RequestError, match="hand it over as the request"):
        OPENAI_RESPONSES.compose("x", {"input": "y"})
