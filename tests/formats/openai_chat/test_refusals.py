"""Files in a chat completion, and what can never work."""

import base64
from pathlib import Path

import pytest

from gemchain.errors import RequestError
from gemchain.formats.openai_chat.format import OPENAI_COMPAT
from tests.formats.openai_chat.composing import sent


def test_images_pdfs_and_texts_are_inside_the_request():
    data = base64.b64encode(b"abc").decode()
    (message,) = sent([Path("a.png"), Path("b.pdf"), Path("c.txt"), "What is it?"])["messages"]
    assert message["content"] == [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        {
            "type": "file",
            "file": {"filename": "document.pdf", "file_data": f"data:application/pdf;base64,{data}"},
        },
        {"type": "text", "text": "abc"},
        {"type": "text", "text": "What is it?"},
    ]


def test_an_image_on_the_web_is_named_by_its_address():
    (message,) = sent([Path("a.png"), "?"], data="https://x.org/a.png")["messages"]
    assert message["content"][0]["image_url"] == {"url": "https://x.org/a.png"}


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.mp4", b"x", "Gemini models take audio and video"),
        ("a.mp3", b"x", "Gemini models take audio and video"),
        ("a.png", "gs://b/a.png", "only Gemini models read gs://"),
        ("a.pdf", "https://x.org/a.pdf", "openai/responses/, anthropic/ or mistral/"),
        ("a.txt", "https://x.org/a.txt", "does not fetch"),
        ("a.txt", b"\xff\xfe\xff", "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_who_can(name, data, words):
    with pytest.raises(RequestError, match=words):
        sent([Path(name), "?"], data=data)


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.mp4", b"x", "video_url"),
        ("a.mp3", b"x", "input_audio"),
        ("a.mp3", "https://x.org/a.mp3", "audio_url"),
        ("a.png", b"x", "image_url"),
        ("a.pdf", b"x", "file"),
        ("a.txt", b"x", "text"),
    ],
)
def test_another_server_is_sent_whatever_it_may_know(name, data, kind):
    (message,) = sent([Path(name), "?"], data=data, wire_format=OPENAI_COMPAT)["messages"]
    assert [part["type"] for part in message["content"]] == [kind, "text"]


def test_a_file_in_a_message_that_is_not_the_users_is_refused():
    talk = [{"role": "assistant", "content": [Path("a.png")]}, {"role": "user", "content": "x"}]
    with pytest.raises(RequestError, match="messages of the user"):
        sent(talk)


@pytest.mark.parametrize(
    ("given", "config", "words"),
    [
        ({"model": "gpt", "messages": [{"role": "user", "content": "x"}]}, None, "leave it out"),
        ("x", {"model": "gpt"}, "no setting"),
        ("x", {"messages": []}, "no setting"),
        ("x", {"timeout": 3}, "SDK's client"),
        ("x", {"system": 3}, "config.system takes a text"),
        ("x", {"response_mime_type": "image/png"}, "application/json"),
        ("x", {"metadata": {"a": {1}}}, "not JSON"),
        ([{"role": "bogus", "content": "x"}], None, "role is 'bogus'"),
        ({"contents": [{"parts": []}]}, None, "Gemini's generateContent"),
        ({"input": "x"}, None, "Responses API"),
        ({"mesages": [1]}, None, "did you mean 'messages'"),
        ({"messages": "x"}, None, "a list of messages"),
        ({"custom_id": "1", "method": "POST", "url": "/v1", "body": {}}, None, "line of a batch file"),
        ({"messages": ["x"]}, None, r"messages\[0\]: a message is an object"),
        ({"messages": [{"role": "user"}]}, None, "content is a text or a list"),
        ({"messages": [{"role": "user", "content": " "}]}, None, "empty"),
        ({"messages": [{"role": "tool", "content": "x"}]}, None, "tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": "x"}]}, None, "list of calls"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, None, "a part is an object"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, None, "no text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]},
            None,
            "here it is .*image_url",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "https://x"}]}]},
            None,
            "an object with 'url'",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "gs://x"}}]}
                ]
            },
            None,
            "only Gemini models read gs://",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, None, "file_data"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:,"}}]}]},
            None,
            "with 'filename'",
        ),
    ],
    ids=str,
)
def test_what_can_never_work_is_refused(given, config, words):
    with pytest.raises(RequestError, match=words):
        sent(given, config)


def test_a_function_as_a_tool_is_refused_with_what_to_write():
    with pytest.raises(RequestError, match="is a Python function"):
        sent("x", {"tools": [sent]})


def test_a_message_that_a_server_may_know_passes_there():
    talk = {"messages": [{"role": "critic", "content": [{"type": "hologram", "hologram": "x"}]}]}
    assert sent(talk, wire_format=OPENAI_COMPAT) == talk
