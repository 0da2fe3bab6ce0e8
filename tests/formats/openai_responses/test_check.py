"""Requests and settings that OpenAI's service would refuse are refused at submit."""

import typing

import pytest
from openai.types.responses import FunctionToolParam, ResponseTextConfigParam
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from openai.types.shared_params import Reasoning

from gemchain.errors import RequestError
from gemchain.formats.openai_responses.format import OPENAI_RESPONSES
from gemchain.formats.openai_responses.settings_table import FUNCTION, SETTINGS

HELLO = {"input": "Hello"}


def parts(*content):
    return {"input": [{"role": "user", "content": list(content)}]}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "gpt-x"}, "beside the request"),
        ({"stream": True}, "'stream'"),
        ({"background": True}, "'background'"),
        ({"service_tier": "flex"}, "lane='flex'"),
        ({"input": " "}, "is empty"),
        ({"input": 7}, "a text or a list of items"),
        ({"input": ["Hello"]}, r"input\[0\] is an item"),
        ({"input": [{"role": "human", "content": "x"}]}, "the role 'human'"),
        ({"input": [{"role": "user", "content": ""}]}, "is empty"),
        ({"input": [{"role": "user", "content": None}]}, "list of parts"),
        (parts("Hello"), r"content\[0\] is a part"),
        (parts({"type": "text", "text": "x"}), "'input_text'"),
        (parts({"type": "image_url", "image_url": {}}), "'input_image'"),
        (parts({"type": "input_text"}), "has a 'text'"),
        (parts({"type": "input_image"}), "an 'image_url' or a 'file_id'"),
    ],
    ids=str,
)
def test_a_request_that_can_never_work_is_refused_with_its_place(fields, words):
    OPENAI_RESPONSES.check("gpt-x", HELLO)
    with pytest.raises(RequestError, match=words):
        OPENAI_RESPONSES.check("gpt-x", {**HELLO, **fields})


@pytest.mark.parametrize(
    "request_",
    [
        {"prompt": {"id": "pmpt_1", "variables": {"a": "b"}}},
        {"input": [{"type": "item_reference", "id": "x"}], "previous_response_id": "resp_1"},
        {"input": "x", "background": False, "stream": None, "service_tier": "priority"},
    ],
    ids=str,
)
def test_what_only_the_service_can_judge_is_left_to_it(request_):
    OPENAI_RESPONSES.check("gpt-x", request_)
    OPENAI_RESPONSES.check_settings(request_)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"messages": [{"role": "user", "content": "x"}]}, "chat API"),
        ({"contents": [{"role": "user", "parts": []}]}, "Gemini's generateContent"),
        ({"inputs": "x"}, "did you mean 'input'"),
        ({}, "is empty"),
    ],
    ids=str,
)
def test_a_request_of_another_form_is_refused_by_its_name(request_, words):
    with pytest.raises(RequestError, match=words):
        OPENAI_RESPONSES.check("gpt-x", request_)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"temprature": 1}, "no field 'temprature'; did you mean 'temperature'"),
        ({"entirely_new": 1}, "Responses API"),
        ({"temperature": 3}, "from 0 to 2"),
        ({"seed": 4}, "openai/MODEL"),
        ({"stop": ["END"]}, "openai/MODEL"),
        ({"response_format": {}}, "pass schema="),
        ({"max_output_tokens": 0}, "at least 1"),
        ({"reasoning": {"efort": "low"}}, "did you mean 'effort'"),
        ({"text": {"format": {"type": "json_schema", "schema": {"type": "strng"}}}}, "'string'"),
        ({"tools": {}}, "a list of objects"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "form of chat completions"),
        ({"tools": [{"name": "f", "parameters": {}}]}, "has a 'type'"),
        ({"tools": [{"type": "function", "name": "f", "parameters": {"type": "objct"}}]}, "'object'"),
    ],
    ids=str,
)
def test_a_mistake_in_the_settings_is_refused_with_its_place(settings, words):
    OPENAI_RESPONSES.check_settings(HELLO)
    with pytest.raises(RequestError, match=words):
        OPENAI_RESPONSES.check_settings({**HELLO, **settings})


def test_tools_that_the_service_runs_itself_are_left_to_it():
    OPENAI_RESPONSES.check_settings({**HELLO, "tools": [{"type": "web_search", "filters": {}}]})


def names(kind):
    return set(typing.get_type_hints(kind))


def test_the_table_has_the_names_of_the_sdk():
    assert set(SETTINGS) == names(ResponseCreateParamsNonStreaming) - {"input", "model"}
    assert set(FUNCTION) == names(FunctionToolParam)
    assert set(SETTINGS["text"].fields) == names(ResponseTextConfigParam)
    assert set(SETTINGS["reasoning"].fields) == names(Reasoning)
