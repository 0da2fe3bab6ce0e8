"""What becomes of texts, messages, tools and settings, held against the SDK's own types."""

from pathlib import Path

import jsonschema
import openai
import pytest
from openai.types.chat import ChatCompletionMessage
from pydantic import ValidationError

from gemchain.errors import RequestError
from gemchain.formats.openai_chat.format import OPENAI_CHAT, OPENAI_COMPAT
from gemchain.ports import ToolCall
from tests.formats.openai_chat.composing import THEIRS, Town, read_whole, sent

TOOL = {"name": "weather", "description": "Of a town", "parameters": {"type": "object", "properties": {}}}
CALL = ToolCall("weather", {"town": "Köln"}, "call_1")
TALK = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "And the weather?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": '{"sun": true}', "tool_call_id": "call_1", "name": "weather"},
    {"role": "model", "content": "Fine."},
    {"role": "user", "content": ["Thanks.", "And tomorrow?"]},
]


def test_the_sdk_s_types_see_what_is_wrong_in_a_part():
    wrong = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "txt": "x"}]}]}
    with pytest.raises(ValidationError):
        read_whole(THEIRS.validate_python(wrong, extra="forbid"))


def test_a_text_is_a_message_of_the_user():
    assert sent("Hello") == {"messages": [{"role": "user", "content": "Hello"}]}


def test_texts_are_parts_and_one_text_where_servers_know_less():
    content = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert sent(["a", "b"]) == {"messages": [{"role": "user", "content": content}]}
    assert sent(["a", "b"], wire_format=OPENAI_COMPAT) == {
        "messages": [{"role": "user", "content": "a\n\nb"}]
    }


def test_a_conversation_with_a_call_keeps_its_turns():
    first = {"type": "text", "text": "Thanks."}
    assert sent(TALK)["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "And the weather?"},
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"town":"Köln"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": '{"sun": true}'},
        {"role": "assistant", "content": "Fine."},
        {"role": "user", "content": [first, {"type": "text", "text": "And tomorrow?"}]},
    ]


def test_settings_that_mean_the_same_everywhere_win_over_all_others():
    request = {"messages": [{"role": "developer", "content": "old"}, {"role": "user", "content": "x"}]}
    config = {"max_tokens": 5, "temperature": 1, "top_p": 0.5, "tools": [{"name": "gone"}]}
    options = {"system": "new", "temperature": 0.0, "max_output_tokens": 9, "tools": [TOOL]}
    assert sent(request, config, **options) == {
        "messages": [{"role": "system", "content": "new"}, {"role": "user", "content": "x"}],
        "temperature": 0.0,
        "max_completion_tokens": 9,
        "top_p": 0.5,
        "tools": [{"type": "function", "function": TOOL}],
    }
    assert sent("x", max_output_tokens=9, wire_format=OPENAI_COMPAT)["max_tokens"] == 9


def test_names_of_gemini_s_settings_are_taken_where_they_mean_the_same():
    config = {
        "systemInstruction": "short",
        "maxOutputTokens": 9,
        "stop_sequences": ["END"],
        "topP": 0.5,
        "seed": 3,
        "response_mime_type": "application/json",
        "response_json_schema": Town,
    }
    request = sent("x", config)
    assert request.pop("response_format")["json_schema"]["name"] == "Town"
    assert request == {
        "messages": [{"role": "system", "content": "short"}, {"role": "user", "content": "x"}],
        "max_completion_tokens": 9,
        "stop": ["END"],
        "top_p": 0.5,
        "seed": 3,
    }


def test_a_config_of_gemini_s_sdk_is_read_as_far_as_it_means_the_same():
    from google.genai import types

    config = types.GenerateContentConfig(temperature=0.5, max_output_tokens=7)
    request = sent("x", config)
    assert (request["temperature"], request["max_completion_tokens"]) == (0.5, 7)
    with pytest.raises(RequestError, match="topK"):
        sent("x", types.GenerateContentConfig(top_k=4))


def test_an_answer_in_json_without_a_schema_has_to_be_asked_for_in_words():
    assert sent("JSON please", {"responseMimeType": "application/json"})["response_format"] == {
        "type": "json_object"
    }
    with pytest.raises(RequestError, match="the word JSON"):
        sent("please", {"responseMimeType": "application/json"})


def test_a_request_of_its_own_passes_with_its_paths_and_objects():
    mine = {"type": "function", "function": TOOL}
    answer = ChatCompletionMessage(role="assistant", content="Hm.")
    own = {
        "messages": [
            {"role": "user", "content": [Path("a.png"), "What?"]},
            answer,
            {"role": "user", "content": "x"},
        ],
        "tools": [mine],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "reasoning_effort": "low",
    }
    request = sent(own)
    assert [part["type"] for part in request["messages"][0]["content"]] == ["image_url", "text"]
    assert request["messages"][1] == {"role": "assistant", "content": "Hm."}
    assert {name: request[name] for name in own if name != "messages"} == {
        name: value for name, value in own.items() if name != "messages"
    }
    assert sent(own["messages"])["messages"] == request["messages"]


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (Town, True),
        ({"type": "object", "properties": {"n": {"type": "integer"}}}, True),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, False),
    ],
)
def test_a_schema_is_sent_in_strict_form_where_it_has_one(schema, strict):
    composed = OPENAI_CHAT.compose("x", schema=schema)
    asked = sent("x", schema=schema)["response_format"]["json_schema"]
    assert (asked["strict"], composed.model) == (strict, schema if schema is Town else None)
    assert (asked["schema"] == composed.schema) is not strict
    assert asked["schema"].get("required", []) == list(asked["schema"].get("properties", []))


def test_what_the_strict_form_asks_for_is_read_as_the_users_own_type():
    schema = sent("x", schema=Town)["response_format"]["json_schema"]["schema"]
    jsonschema.validate({"name": "Rome", "people": None}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "Rome"}, schema)


def test_the_schema_of_a_list_is_refused_with_what_to_do():
    with pytest.raises(RequestError, match="put it into an object"):
        sent("x", schema={"type": "array", "items": {"type": "integer"}})


@pytest.mark.parametrize("schema", [{"type": "array", "items": {}}, Town.model_json_schema()])
def test_another_server_gets_the_schema_as_it_is(schema):
    asked = sent("x", schema=schema, wire_format=OPENAI_COMPAT)["response_format"]["json_schema"]
    assert (asked["schema"], asked["strict"]) == (schema, False)


def test_no_tools_is_not_an_empty_list():
    assert sent("x", {"tools": [TOOL]}, tools=[]) == {"messages": [{"role": "user", "content": "x"}]}


def test_a_slip_in_the_type_of_a_schema_is_left_to_the_check_of_schemas():
    with pytest.raises(RequestError, match=r"did you mean 'object'"):
        sent("x", schema={"type": "objct"})


def test_a_schema_that_is_not_json_is_refused():
    with pytest.raises(RequestError, match="not JSON"):
        sent("x", schema={"type": "object", "properties": {"a": object()}})


def test_a_response_format_of_the_sdk_s_parse_call_is_a_schema():
    composed = OPENAI_CHAT.compose("x", {"response_format": Town})
    assert (composed.model, composed.request["response_format"]["type"]) == (Town, "json_schema")


def test_a_tool_made_by_the_sdk_is_taken():
    tool = openai.pydantic_function_tool(Town)
    assert sent("x", tools=[tool])["tools"][0]["function"]["name"] == "Town"


def test_the_model_that_a_provider_adds_does_not_change_the_hash():
    request = sent("x", {"temperature": 1})
    added = {"model": "m", "service_tier": "flex", **request, "temperature": 1.0, "top_p": None}
    assert OPENAI_CHAT.echo_hash(request) == OPENAI_CHAT.echo_hash(added)
    assert OPENAI_CHAT.echo_hash(request) != OPENAI_CHAT.echo_hash({**request, "temperature": 0.5})
    with pytest.raises(TypeError):
        OPENAI_CHAT.echo_hash({"messages": [object()]})
