"""Portable messages and tools, spelled as fields of a chat completion."""

from collections.abc import Sequence
from typing import Any

import orjson

from gemchain.errors import RequestError
from gemchain.formats.openai_chat.dialect import Dialect
from gemchain.formats.portable import Message, Portable, Tool, tools_of
from gemchain.ports import ToolCall

__all__ = ["spelled", "spelled_tools", "system_message"]


def spelled(dialect: Dialect, found: Portable) -> list[dict[str, Any]]:
    """A conversation as messages."""
    system = [] if found.system is None else [system_message(found.system)]
    return [*system, *(_message(dialect, each) for each in found.messages)]


def system_message(text: str) -> dict[str, Any]:
    """The message of the system."""
    return {"role": "system", "content": text}


def _message(dialect: Dialect, message: Message) -> dict[str, Any]:
    if message.role == "user":
        return {"role": "user", "content": _content(dialect, message)}
    if not all(isinstance(each, str) for each in message.parts):
        raise RequestError(
            f"{dialect.service} takes files in messages of the user, not in those of role {message.role!r}; "
            "put the file into a message of the user that follows"
        )
    if message.role == "tool":
        return _tool_message(dialect, message)
    found: dict[str, Any] = {"role": "assistant"}
    if message.parts or dialect.joined:  # templates of other servers may need the field
        found["content"] = message.text
    if message.calls:
        found["tool_calls"] = [_call(dialect, each) for each in message.calls]
    return found


def _content(dialect: Dialect, message: Message) -> str | list[dict[str, Any]]:
    texts = [each for each in message.parts if isinstance(each, str)]
    if len(texts) == len(message.parts) and (len(texts) == 1 or dialect.joined):
        return message.text
    return [
        {"type": "text", "text": each} if isinstance(each, str) else dialect.file_part(each)
        for each in message.parts
    ]


def _tool_message(dialect: Dialect, message: Message) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": dialect.call_id(message.call_id or ""), "content": message.text}


def _call(dialect: Dialect, call: ToolCall) -> dict[str, Any]:
    """A call that the model asked for; one without an id is known by the function's name."""
    arguments = orjson.dumps(call.arguments).decode()
    return {
        "id": dialect.call_id(call.id or call.name),
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def spelled_tools(given: Sequence[Any] | None) -> list[dict[str, Any]]:
    """The tools of a request.

    Raises:
        RequestError: One is no tool.
    """
    return [_tool(each) if isinstance(each, Tool) else each for each in tools_of(given)]


def _tool(tool: Tool) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    return {"type": "function", "function": {"name": tool.name, **described, "parameters": tool.parameters}}
