"""Checks of a chat completion before it is sent: what every service of this dialect would refuse."""

from collections.abc import Mapping
from typing import Any

import orjson

from gemchain.errors import RequestError
from gemchain.formats.foreign_forms import without
from gemchain.formats.openai_chat.dialect import Dialect

__all__ = ["address_problem", "check_request", "openai_part_problem"]

WITHOUT_CONTENT = frozenset({"tool_calls", "function_call", "refusal", "audio"})
"""What a message of the assistant may have in place of a content."""


def check_request(dialect: Dialect, request: Mapping[str, Any]) -> None:
    """Refuse a request that the service would refuse.

    Raises:
        RequestError: The message says where, and what to do.
    """
    messages = request.get("messages")
    if not messages and request.keys() >= {"custom_id", "body"}:
        raise RequestError("this is a line of a batch file; hand over what stands in its 'body'")
    if not messages:
        raise RequestError(without(request, "messages", f"{dialect.service}'s chat completions"))
    if not isinstance(messages, list):
        raise RequestError(f"'messages' is a list of messages, not {messages!r:.80}")
    for place, message in enumerate(messages):
        words = _message_problem(dialect, message)
        if words is not None:
            raise RequestError(f"messages[{place}]: {words}")
    last = messages[-1]
    if dialect.ends_with_user and last["role"] in ("assistant", "system") and not last.get("prefix"):
        raise RequestError(
            f"the last message has the role {last['role']!r}, which {dialect.service} cannot answer; "
            "end with a message of the user, or give the assistant's message 'prefix': True"
        )
    if dialect.says_json and _asks_for_any_json(request) and b"json" not in orjson.dumps(messages).lower():
        raise RequestError(
            f"{dialect.service} takes response_format 'json_object' only where a message has the word JSON; "
            "say it, or give a schema"
        )


def _asks_for_any_json(request: Mapping[str, Any]) -> bool:
    asked = request.get("response_format")
    return isinstance(asked, dict) and asked.get("type") == "json_object"


def _message_problem(dialect: Dialect, message: Any) -> str | None:
    if not isinstance(message, dict):
        return f"a message is an object with 'role' and 'content', not {message!r:.80}"
    role = message.get("role")
    if not isinstance(role, str) or (dialect.roles and role not in dialect.roles):
        return f"the role is {role!r}; roles are {', '.join(map(repr, dialect.roles))}"
    if role == "tool" and not message.get("tool_call_id"):
        return "a message of role 'tool' names the call that it answers by 'tool_call_id'"
    if role == "assistant" and not message.get("content") and message.keys() & WITHOUT_CONTENT:
        return _calls_problem(message.get("tool_calls"))
    return _content_problem(dialect, role, message.get("content"))


def _content_problem(dialect: Dialect, role: str, content: Any) -> str | None:
    if isinstance(content, list) and content:
        problems = (_part_problem(dialect, each) for each in content)
        return next((words for words in problems if words is not None), None)
    if not isinstance(content, str):
        return f"the content is a text or a list of parts, not {content!r:.80}"
    # What a function returned, and what was said before, may well be empty.
    return "the content is empty" if role not in ("tool", "assistant") and not content.strip() else None


def _calls_problem(calls: Any) -> str | None:
    if calls is None or (isinstance(calls, list) and all(isinstance(each, dict) for each in calls)):
        return None
    return f"'tool_calls' is a list of calls, not {calls!r:.80}"


def _part_problem(dialect: Dialect, part: Any) -> str | None:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        return f"a part is an object such as {{'type': 'text', 'text': …}}, not {part!r:.80}"
    if part["type"] == "text":
        text = part.get("text")
        return None if isinstance(text, str) and text else "a part of type 'text' has no text in 'text'"
    return dialect.part_problem(part)


_FIELDS = {"image_url": "url", "input_audio": "data", "file": "", "refusal": ""}
"""The parts that OpenAI reads, and the field that each needs inside."""

_MEANT = {
    "image": "{'type': 'image_url', 'image_url': {'url': …}}",
    "input_image": "{'type': 'image_url', 'image_url': {'url': …}}",
    "document": "{'type': 'file', 'file': {'filename': …, 'file_data': …}}",
    "input_file": "{'type': 'file', 'file': {'filename': …, 'file_data': …}}",
    "input_text": "{'type': 'text', 'text': …}",
}
"""Parts of other forms, and how they are spelled here."""


def openai_part_problem(part: Mapping[str, Any]) -> str | None:
    """What OpenAI says against a part that is no text; None where nothing is wrong."""
    kind = part["type"]
    if kind not in _FIELDS:
        meant = f"; here it is {_MEANT[kind]}" if kind in _MEANT else ""
        return f"there is no part of type {kind!r}; there are 'text', {', '.join(map(repr, _FIELDS))}{meant}"
    if kind == "refusal":
        return None
    inside, needed = part.get(kind), _FIELDS[kind]
    if not isinstance(inside, dict) or (needed and not isinstance(inside.get(needed), str)):
        words = f" with {needed!r}" if needed else ""
        return f"a part of type {kind!r} has an object{words} in {kind!r}, not {inside!r:.80}"
    if kind == "file" and "file_id" not in inside and not inside.keys() >= {"file_data", "filename"}:
        return "a part of type 'file' has 'file_id', or 'file_data' (a data: address) with 'filename'"
    return address_problem(inside["url"], "OpenAI") if kind == "image_url" else None


def address_problem(address: str, service: str) -> str | None:
    """What is said against the address of a file; None where the service can read it."""
    if address.startswith(("https://", "http://", "data:")):
        return None
    return (
        f"{service} cannot read {address!r:.80}: it takes an https address, or a data: address with the "
        "bytes, and only Gemini models read gs:// addresses; a local file is handed over as a Path"
    )
