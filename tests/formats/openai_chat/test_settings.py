"""Settings of a chat completion: the table, the SDK's own types, and what is said against mistakes."""

import subprocess
import sys
import typing

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter, ValidationError

from gemchain.errors import RequestError
from gemchain.formats.openai_chat.format import OPENAI_CHAT, OPENAI_COMPAT
from gemchain.formats.openai_chat.settings_table import OPENAI


def check(config, wire_format=OPENAI_CHAT):
    wire_format.check_settings(wire_format.compose("x", config).request)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"temprature": 0.5}, "config has no field 'temprature'; did you mean 'temperature'"),
        ({"entirely_new": 1}, "OpenAI's chat completions"),
        ({"temperature": "hot"}, "config.temperature takes a number, not 'hot'"),
        ({"temperature": 3}, "from 0 to 2, not 3"),
        ({"max_output_tokens": 0}, "config.max_completion_tokens takes a whole number at least 1"),
        ({"stop": [1]}, "a text or a list of texts"),
        ({"logprobs": "yes"}, "true or false"),
        ({"stream": True}, "not streamed"),
        ({"service_tier": "flex"}, "lane='flex'"),
        ({"response_format": {"type": "json_schema", "json_schma": {}}}, "did you mean 'json_schema'"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"type": "objct"}},
                }
            },
            r"json_schema\.schema\.type is 'objct'",
        ),
        ({"tools": [{"type": "function", "function": {"nam": "f"}}]}, r"tools\[0\]\.function has no field"),
        ({"tools": [{"functionDeclarations": []}]}, r"config\.tools\[0\] has no field"),
    ],
    ids=str,
)
def test_a_mistake_is_refused_with_its_place(config, words):
    with pytest.raises(RequestError, match=words):
        check(config)


def test_the_settings_inside_a_request_are_checked_too():
    with pytest.raises(RequestError, match="temprature"):
        OPENAI_CHAT.check_settings({"messages": [{"role": "user", "content": "x"}], "temprature": 1})


@pytest.mark.parametrize(
    "config",
    [
        {"temperature": 0, "top_p": 1, "seed": -1, "n": 2, "stop": "END", "logit_bias": {"50256": -100}},
        {"stop": ["a", "b"], "stream": False, "service_tier": "priority", "store": True, "verbosity": "low"},
        {"tool_choice": "required", "tools": [{"type": "custom", "custom": {"name": "f"}}]},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}, "reasoning_effort": "minimal"},
        {"web_search_options": {"search_context_size": "low"}, "metadata": {"a": "b"}},
    ],
    ids=str,
)
def test_what_is_right_passes(config):
    check(config)


@pytest.mark.parametrize("config", [{"top_k": 4, "min_p": 0.1, "temprature": 1}, {"temperature": 5}], ids=str)
def test_another_server_is_sent_settings_that_only_it_may_know(config):
    check(config, OPENAI_COMPAT)
    assert OPENAI_COMPAT.compose("x", config).request.items() >= config.items()


@pytest.mark.parametrize("config", [{"temperature": "hot"}, {"stream": True}, {"max_tokens": 0.5}], ids=str)
def test_what_no_server_takes_is_refused_for_all(config):
    with pytest.raises(RequestError):
        check(config, OPENAI_COMPAT)


THEIRS = typing.get_type_hints(CompletionCreateParamsNonStreaming)


def test_the_table_has_the_settings_that_the_sdk_has():
    assert OPENAI.keys() == THEIRS.keys() - {"messages", "model"}


FITTING = {
    "number": 0.5,
    "integer": 1,
    "boolean": True,
    "text": "x",
    "texts": ["x"],
    "text_or_texts": ["x"],
}
"""A value for each kind whose values the SDK does not list."""

LISTED = {
    "modalities": ["text"],
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "service_tier": "auto",
    "stream": False,
    "verbosity": "low",
}


@pytest.mark.parametrize("name", [name for name, kind in OPENAI.items() if kind.name in FITTING])
def test_a_setting_takes_what_it_takes_in_the_sdk_and_no_object(name):
    theirs = TypeAdapter(THEIRS[name])
    theirs.validate_python(LISTED.get(name, FITTING[OPENAI[name].name]), strict=True)
    with pytest.raises(ValidationError):
        theirs.validate_python({"no": "value"}, strict=True)


@pytest.mark.parametrize("name", [name for name, kind in OPENAI.items() if kind.fields])
def test_the_fields_inside_a_setting_are_those_of_the_sdk(name):
    schema = str(TypeAdapter(THEIRS[name]).json_schema())
    for field in OPENAI[name].fields:
        assert f"'{field}'" in schema


def test_the_formats_are_loaded_without_an_sdk():
    code = (
        "import sys; from gemchain.formats.openai_chat.format import OPENAI_CHAT; "
        "from gemchain.formats.mistral.format import MISTRAL; "
        "assert not sys.modules.keys() & {'openai', 'mistralai', 'pydantic', 'jsonschema'}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
