"""A request, its settings and its schema become one request that Anthropic's own types take."""

import base64
from pathlib import Path

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import BaseModel

from gemchain.errors import RequestError
from gemchain.formats.anthropic.compose import MAX_TOKENS
from gemchain.formats.anthropic.format import ANTHROPIC
from gemchain.formats.files import inline
from gemchain.ports import FileContent, Options, ToolCall
from tests.support.typed_dicts import assert_fits

WEATHER = {
    "name": "weather",
    "description": "The weather of a town.",
    "parameters": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
}


def composed(given, *args, **options):
    """The request, which passes the checks and the SDK's own types."""
    request = ANTHROPIC.compose(given, *args, options=Options(**options)).request
    ANTHROPIC.check("claude-x", request)
    ANTHROPIC.check_settings(request)
    assert_fits(MessageCreateParamsNonStreaming, {"model": "claude-x", **request})
    return request


def test_a_text_is_one_turn_with_room_for_the_answer():
    assert composed("Hello") == {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": MAX_TOKENS}


def test_settings_that_mean_the_same_everywhere_are_spelled():
    assert composed("Hello", system="Be brief.", max_output_tokens=50, tools=[WEATHER]) == {
        "messages": [{"role": "user", "content": "Hello"}],
        "system": "Be brief.",
        "max_tokens": 50,
        "tools": [
            {
                "name": "weather",
                "description": "The weather of a town.",
                "input_schema": WEATHER["parameters"],
            }
        ],
    }


def test_the_systems_messages_stand_beside_the_conversation():
    request = composed([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "model", "content": ["Hi.", "Yes?"]},
        {"role": "user", "content": "Bye"},
    ])  # fmt: skip
    assert request["system"] == "Be brief."
    assert request["messages"] == [
        {"role": "user", "content": "Hello"},
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "Hi."}, {"type": "text", "text": "Yes?"}],
        },
        {"role": "user", "content": "Bye"},
    ]


def test_results_of_the_calls_of_one_turn_stand_in_one_message():
    calls = [ToolCall("weather", {"town": "Ulm"}, "c1"), {"name": "weather", "arguments": {}, "id": "c2"}]
    request = composed([
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "I look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "sun"},
        {"role": "tool", "tool_call_id": "c2", "content": ["rain", "wind"]},
        {"role": "assistant", "content": None, "tool_calls": calls[:1]},
        {"role": "tool", "tool_call_id": "c1", "content": "fog"},
    ])  # fmt: skip
    use = {"type": "tool_use", "name": "weather"}
    rain = [{"type": "text", "text": "rain"}, {"type": "text", "text": "wind"}]
    assert request["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look."},
                {**use, "id": "c1", "input": {"town": "Ulm"}},
                {**use, "id": "c2", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "sun"},
                {"type": "tool_result", "tool_use_id": "c2", "content": rain},
            ],
        },
        {"role": "assistant", "content": [{**use, "id": "c1", "input": {"town": "Ulm"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "fog"}]},
    ]


def test_local_files_go_along_as_bytes(tmp_path):
    content = {"a.png": b"\x89PNG", "b.pdf": b"%PDF", "c.csv": b"x,y\n1,2\n"}
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    paths = [tmp_path / name for name in content]

    def attach(path):
        return inline(path, instead="send less")

    request = composed([*paths, "What is this?"], None, None, attach)
    assert request["messages"][0]["content"] == [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": _base64(b"\x89PNG")},
        },
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": _base64(b"%PDF")},
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "x,y\n1,2\n"},
        },
        {"type": "text", "text": "What is this?"},
    ]
    own = {"messages": [{"role": "user", "content": paths}]}
    assert (
        composed(own, None, None, attach)["messages"][0]["content"] == (request["messages"][0]["content"][:3])
    )


def _base64(data):
    return base64.b64encode(data).decode()


def test_a_file_on_the_web_is_named_by_its_address():
    def attach(path):
        return FileContent("image/png", uri="https://example.com/a.png")

    (block,) = composed([Path("a.png")], None, None, attach)["messages"][0]["content"]
    assert block == {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}


@pytest.mark.parametrize(
    ("mime_type", "uri", "words"),
    [
        ("audio/mpeg", None, "Gemini models take audio"),
        ("image/heic", None, "convert the image"),
        ("image/png", "gs://bucket/a.png", "only Gemini models read gs://"),
        ("text/plain", "https://example.com/a.txt", "does not fetch"),
    ],
)
def test_a_file_that_claude_cannot_read_is_refused_with_who_can(mime_type, uri, words):
    def attach(path):
        return FileContent(mime_type, uri=uri, data=None if uri else b"x")

    with pytest.raises(RequestError, match=words):
        ANTHROPIC.compose([Path("a.png")], attach=attach)


def test_config_wins_over_the_request_and_options_win_over_both():
    own = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 5, "speed": "standard"}
    assert composed(own, {"max_tokens": 6, "stop_sequences": ["END"], "system": "a"}, system="b") == {
        **own,
        "max_tokens": 6,
        "stop_sequences": ["END"],
        "system": "b",
    }


def test_a_list_of_messages_in_its_own_form_is_a_request():
    messages = [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
    assert composed(messages) == {"messages": messages, "max_tokens": MAX_TOKENS}


def test_an_object_of_the_sdk_is_a_request(tmp_path):
    class Whole(BaseModel):
        messages: list[dict]
        max_tokens: int

    whole = Whole(messages=[{"role": "user", "content": "x"}], max_tokens=3)
    assert composed(whole) == {"messages": [{"role": "user", "content": "x"}], "max_tokens": 3}


class Bird(BaseModel):
    name: str
    wings: int | None = None


def test_the_service_holds_the_model_to_a_schema():
    request = composed("A bird.", {"output_config": {"effort": "low"}}, Bird)
    assert request["output_config"]["effort"] == "low"
    assert request["output_config"]["format"]["type"] == "json_schema"
    schema = request["output_config"]["format"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["name"]["type"] == "string"


OPEN = {"type": "object", "additionalProperties": {"type": "integer"}}


def test_a_schema_that_it_cannot_be_held_to_is_asked_for_as_the_input_of_a_tool():
    made = ANTHROPIC.compose("Count.", schema=OPEN)
    assert made.schema == OPEN
    assert made.request["tools"][0]["input_schema"] == OPEN
    assert made.request["tool_choice"] == {"type": "tool", "name": made.request["tools"][0]["name"]}
    composed(made.request)
    use = {"type": "tool_use", "id": "t", "name": made.request["tools"][0]["name"], "input": {"a": 1}}
    answer = {"content": [use], "stop_reason": "tool_use"}
    assert (ANTHROPIC.text(answer), ANTHROPIC.judge(answer)) == ('{"a":1}', None)
    assert ANTHROPIC.tool_calls(answer) == []


@pytest.mark.parametrize(("schema", "tools"), [(OPEN, [WEATHER]), ({"not": {"type": "null"}}, None)])
def test_a_schema_that_no_tool_can_have_is_refused(schema, tools):
    with pytest.raises(RequestError, match="Gemini"):
        ANTHROPIC.compose("x", schema=schema, options=Options(tools=tools))


def test_a_temperature_is_refused_with_who_takes_one():
    with pytest.raises(RequestError, match=r"'temperature'.*Gemini or Mistral"):
        ANTHROPIC.compose("x", options=Options(temperature=0.5))


def test_a_config_of_gemini_means_the_same_here():
    config = {"maxOutputTokens": 7, "system_instruction": "Be brief.", "responseMimeType": "text/plain"}
    request = composed("x", {**config, "stopSequences": ["END"]})
    assert (request["max_tokens"], request["system"]) == (7, "Be brief.")
    assert request["stop_sequences"] == ["END"]
    made = ANTHROPIC.compose("x", {"response_schema": Bird, "response_mime_type": "application/json"})
    assert (made.model, "output_config" in made.request) == (Bird, True)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"response_mime_type": "application/json"}, "pass schema="),
        ({"response_mime_type": "text/x.enum"}, "text/plain"),
        ({"messages": []}, "hand them over as the request"),
        ({"timeout": 5}, "SDK's client"),
        ({1: 2}, "names as keys"),
    ],
)
def test_a_config_that_says_what_is_none_of_its_business_is_refused(config, words):
    with pytest.raises(RequestError, match=words):
        ANTHROPIC.compose("x", config)


def test_files_and_calls_that_the_service_cannot_match_are_refused():
    no_id = [{"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]}]
    with pytest.raises(RequestError, match="'tool_call_id'"):
        ANTHROPIC.compose(no_id)
    with pytest.raises(RequestError, match="of the user only"):
        ANTHROPIC.compose([{"role": "assistant", "content": [Path("a.png")]}])
