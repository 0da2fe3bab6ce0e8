"""Requests and settings that Anthropic's service would refuse are refused at submit."""

import typing

import pytest
from anthropic.types import (
    CacheControlEphemeralParam,
    MetadataParam,
    OutputConfigParam,
    ThinkingConfigEnabledParam,
    ToolChoiceToolParam,
    ToolParam,
)
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

from gemchain.errors import RequestError
from gemchain.formats.anthropic.format import ANTHROPIC
from gemchain.formats.anthropic.settings_table import SETTINGS, TOOL

HELLO = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}


def blocks(*content, role="user"):
    return {"messages": [{"role": role, "content": list(content)}]}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "claude-x"}, "beside the request"),
        ({"stream": True}, "'stream'"),
        ({"messages": "Hello"}, "list of messages"),
        ({"messages": ["Hello"]}, r"messages\[0\] is an object"),
        ({"messages": [{"role": "human", "content": "x"}]}, "the role 'human'"),
        ({"messages": [{"role": "user", "content": " "}]}, "is empty"),
        ({"messages": [{"role": "user", "content": []}]}, "list of blocks"),
        (blocks("Hello"), r"content\[0\] is a block"),
        (blocks({"type": "text", "text": ""}), "not empty"),
        (blocks({"type": "image"}), "'source'"),
        (blocks({"type": "document", "source": {}}, role="assistant"), "of the user only"),
        (blocks({"type": "text", "text": "x", "citations": [{}]}), "citations"),
        ({"max_tokens": None}, "'max_tokens' is a whole number"),
        ({"max_tokens": True}, "'max_tokens' is a whole number"),
        ({"system": 7}, "'system' is a text"),
        ({"system": [{"type": "text"}]}, r"system\[0\]"),
    ],
    ids=str,
)
def test_a_request_that_can_never_work_is_refused_with_its_place(fields, words):
    ANTHROPIC.check("claude-x", HELLO)
    with pytest.raises(RequestError, match=words):
        ANTHROPIC.check("claude-x", {**HELLO, **fields})


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"contents": [{"role": "user", "parts": [{"text": "x"}]}]}, "Gemini's generateContent"),
        ({"input": "x"}, "Responses API"),
        ({"mesages": [], "max_tokens": 5}, "did you mean 'messages'"),
        ({}, "is empty"),
    ],
    ids=str,
)
def test_a_request_of_another_form_is_refused_by_its_name(request_, words):
    with pytest.raises(RequestError, match=words):
        ANTHROPIC.check("claude-x", request_)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_token": 5}, "no field 'max_token'; did you mean 'max_tokens'"),
        ({"entirely_new": 1}, "Messages API"),
        ({"temperature": 1.0}, "Gemini or Mistral"),
        ({"top_k": 4}, "'top_k'"),
        ({"max_tokens": 0}, "at least 1"),
        ({"stop_sequences": "END"}, "a list of texts"),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "at least 1024"),
        ({"thinking": {"typ": "enabled"}}, r"config\.thinking has no field 'typ'"),
        ({"metadata": {"user": "x"}}, "did you mean 'user_id'"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"type": "strng"}}}}, "'string'"),
        ({"tools": {"name": "f"}}, "a list of objects"),
        ({"tools": [{"name": "f"}]}, "'input_schema'"),
        ({"tools": [{"name": "f", "parameters": {}}]}, "'parameters'"),
        ({"tools": [{"name": "f", "input_schema": {"type": "objct"}}]}, r"tools\[0\]\.input_schema\.type"),
    ],
    ids=str,
)
def test_a_mistake_in_the_settings_is_refused_with_its_place(settings, words):
    ANTHROPIC.check_settings(HELLO)
    with pytest.raises(RequestError, match=words):
        ANTHROPIC.check_settings({**HELLO, **settings})


def test_tools_that_the_service_runs_itself_are_left_to_it():
    search = {"type": "web_search_20260318", "name": "web_search", "max_uses": 3}
    ANTHROPIC.check_settings({**HELLO, "tools": [search], "container": "c1", "thinking": None})


def names(kind):
    return set(typing.get_type_hints(kind))


def test_the_table_has_the_names_of_the_sdk():
    elsewhere = {"messages", "system", "model", "workspace_id"}
    assert set(SETTINGS) == names(MessageCreateParamsNonStreaming) - elsewhere
    assert set(TOOL) == names(ToolParam)
    for field, kind in [
        ("metadata", MetadataParam),
        ("output_config", OutputConfigParam),
        ("cache_control", CacheControlEphemeralParam),
        ("thinking", ThinkingConfigEnabledParam),
        ("tool_choice", ToolChoiceToolParam),
    ]:
        assert set(SETTINGS[field].fields) == names(kind)
