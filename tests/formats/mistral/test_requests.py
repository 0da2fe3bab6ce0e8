"""What becomes of texts, files, messages, tools and settings, held against the SDK's own models."""

import base64
import typing
from pathlib import Path

import pytest
from mistralai.client.models import ChatCompletionRequest, UserMessage
from mistralai.client.models.chatcompletionrequest import ChatCompletionRequestTypedDict
from mistralai.extra.utils import _pydantic_helper
from pydantic import BaseModel, TypeAdapter, ValidationError

from gemchain.errors import RequestError
from gemchain.formats.mistral.format import MISTRAL
from gemchain.formats.mistral.settings_table import MISTRAL as TABLE
from gemchain.ports import FileContent, Options, ToolCall

TOOL = {"name": "weather", "description": "Of a town", "parameters": {"type": "object", "properties": {}}}
DATA = base64.b64encode(b"abc").decode()


class Leg(BaseModel):
    length: float | None = None


class Animal(BaseModel):
    name: str
    legs: list[Leg] = []


def attach(data):
    def found(path):
        kinds = {".png": "image/png", ".pdf": "application/pdf", ".txt": "text/plain", ".mp3": "audio/mpeg"}
        kind = kinds.get(path.suffix, "video/mp4")
        return FileContent(kind, uri=data) if isinstance(data, str) else FileContent(kind, data=data)

    return found


def sent(given, config=None, *, data=b"abc", schema=None, **options):
    """The request, checked by us, and unchanged by the SDK's own model of it."""
    request = MISTRAL.compose(given, config, schema, attach(data), Options(**options)).request
    MISTRAL.check("m", request)
    MISTRAL.check_settings(request)
    theirs = ChatCompletionRequest.model_validate({"model": "m", **request})
    assert "UNKNOWN" not in repr(theirs)  # what the SDK does not know, it takes and calls so
    assert not theirs.model_extra
    dumped = theirs.model_dump(mode="json", by_alias=True)
    assert {name: dumped[name] for name in request if name != "messages"} == {
        name: value for name, value in request.items() if name != "messages"
    }
    return request


def test_a_conversation_with_a_call_keeps_its_turns_and_names_calls_as_mistral_does():
    talk = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "And the weather?"},
        {"role": "assistant", "content": None, "tool_calls": [ToolCall("weather", {}, "call_from_openai")]},
        {"role": "tool", "content": "sun", "tool_call_id": "call_from_openai"},
    ]
    messages = sent(talk)["messages"]
    (call,) = messages[2]["tool_calls"]
    assert messages[3]["tool_call_id"] == call["id"]
    assert len(call["id"]) == 9
    assert call["id"].isalnum()
    assert [each["role"] for each in messages] == ["system", "user", "assistant", "tool"]


def test_a_call_that_mistral_named_keeps_its_name():
    talk = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [ToolCall("f", {}, "D681PevKs")]},
        {"role": "tool", "content": "1", "tool_call_id": "D681PevKs"},
    ]
    assert sent(talk)["messages"][1]["tool_calls"][0]["id"] == "D681PevKs"


def test_images_and_documents_are_addresses_with_the_content():
    (message,) = sent([Path("a.png"), Path("b.pdf"), Path("c.txt"), "What is it?"])["messages"]
    assert message["content"] == [
        {"type": "image_url", "image_url": f"data:image/png;base64,{DATA}"},
        {"type": "document_url", "document_url": f"data:application/pdf;base64,{DATA}"},
        {"type": "text", "text": "abc"},
        {"type": "text", "text": "What is it?"},
    ]


@pytest.mark.parametrize(("name", "kind"), [("a.png", "image_url"), ("b.pdf", "document_url")])
def test_files_on_the_web_are_named_by_their_address(name, kind):
    (message,) = sent([Path(name), "?"], data="https://x.org/it")["messages"]
    assert message["content"][0] == {"type": kind, kind: "https://x.org/it"}


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.mp4", b"x", "Gemini models take audio and video"),
        ("a.mp3", b"x", "Gemini models take audio and video"),
        ("a.pdf", "gs://b/a.pdf", "only Gemini models read gs://"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_who_can(name, data, words):
    with pytest.raises(RequestError, match=words):
        sent([Path(name), "?"], data=data)


def test_settings_have_mistrals_names():
    config = {"seed": 3, "max_output_tokens": 9, "safe_prompt": True, "tool_choice": "any", "topK": 4}
    request = sent("x", config, system="Be short.", temperature=0.5, tools=[TOOL])
    assert request == {
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "x"}],
        "random_seed": 3,
        "max_tokens": 9,
        "safe_prompt": True,
        "tool_choice": "any",
        "top_k": 4,
        "temperature": 0.5,
        "tools": [{"type": "function", "function": TOOL}],
    }


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"safe_promt": True}, "did you mean 'safe_prompt'"),
        ({"logit_bias": {}}, "config has no field 'logit_bias'"),
        ({"temperature": 2}, "from 0 to 1.5, not 2"),
        ({"seed": -1}, "config.random_seed takes a whole number at least 0"),
        ({"stream": True}, "not streamed"),
    ],
    ids=str,
)
def test_a_mistake_is_refused_with_its_place(config, words):
    with pytest.raises(RequestError, match=words):
        sent("x", config)


def test_objects_of_the_sdk_are_taken():
    request = sent({"messages": [UserMessage(content="x")]})
    assert request["messages"] == [{"role": "user", "content": "x"}]
    assert sent([UserMessage(content="x")]) == request


@pytest.mark.parametrize("schema", [Animal, Leg])
def test_a_schema_is_closed_as_the_sdk_closes_it_and_strict(schema):
    composed = MISTRAL.compose("x", schema=schema)
    asked = sent("x", schema=schema)["response_format"]["json_schema"]
    theirs = _pydantic_helper.rec_strict_json_schema(MISTRAL.compose("x", schema=schema).schema)
    assert asked == {"name": schema.__name__, "schema": theirs, "strict": True}
    assert composed.model is schema


def test_a_schema_with_an_open_object_is_not_strict_and_stays_open():
    schema = {"type": "object", "additionalProperties": {"type": "integer"}, "default": {"type": "object"}}
    asked = sent("x", schema=schema)["response_format"]["json_schema"]
    assert (asked["strict"], asked["schema"]) == (False, schema)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([{"role": "developer", "content": "x"}], "roles are 'user', 'assistant', 'system', 'tool'"),
        ([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}], "'prefix': True"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "nothing in 'image_url'"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "gs://x"}}]}],
            "only Gemini",
        ),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": [1]}]}], "has the address"),
        ([{"role": "user", "content": [{"type": "hologram"}]}], "no part of type 'hologram'"),
    ],
    ids=str,
)
def test_what_can_never_work_is_refused(messages, words):
    with pytest.raises(RequestError, match=words):
        sent({"messages": messages})


def test_the_beginning_of_an_answer_may_be_the_last_message():
    talk = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "I", "prefix": True}]
    assert sent({"messages": talk})["messages"] == talk


PARTS = [
    {"type": "image_url", "image_url": {"url": "https://x.org/a.png", "detail": "low"}},
    {"type": "file", "file_id": "f"},
    {"type": "input_audio", "input_audio": DATA},
    {"type": "reference", "reference_ids": [1]},
]


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_part_of_mistrals_own_passes(part):
    sent({"messages": [{"role": "user", "content": [part]}]})


def test_the_table_has_the_settings_that_the_sdk_has():
    assert TABLE.keys() == ChatCompletionRequest.model_fields.keys() - {"messages", "model"}


LISTED = {"service_tier": "auto", "prompt_mode": "reasoning", "reasoning_effort": "low"}
FITTING = {"number": 0.5, "integer": 1, "boolean": True, "text": "x", "texts": ["x"], "text_or_texts": ["x"]}


@pytest.mark.parametrize("name", [name for name, kind in TABLE.items() if kind.name in FITTING])
def test_a_setting_takes_what_it_takes_in_the_sdk_and_no_object(name):
    theirs = TypeAdapter(typing.get_type_hints(ChatCompletionRequestTypedDict)[name])
    value = LISTED.get(name, FITTING[TABLE[name].name])
    assert theirs.validate_python(value, strict=True) == value
    with pytest.raises(ValidationError):
        theirs.validate_python({"no": "value"}, strict=True)
