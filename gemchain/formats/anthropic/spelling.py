"""Portable messages, files and tools, spelled as fields of the Messages API."""

from collections.abc import Sequence
from typing import Any

from gemchain.errors import RequestError
from gemchain.formats.file_content import IMAGES, PDF, as_text, base64_data, is_text, refused, web_address
from gemchain.formats.portable import Message, Portable, Tool, tools_of
from gemchain.ports import FileContent, ToolCall

__all__ = ["SERVICE", "file_block", "spelled", "tools"]

SERVICE = "Claude"


def spelled(found: Portable) -> dict[str, Any]:
    """A conversation as a request.

    Raises:
        RequestError: Claude cannot read something in it.
    """
    messages: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for each in found.messages:
        if each.role == "tool":
            answers.append(_tool_result(each))
            if len(answers) == 1:
                messages.append({"role": "user", "content": answers})
            continue
        answers = []
        messages.append({"role": each.role, "content": _content(each)})
    request: dict[str, Any] = {"messages": messages}
    if found.system is not None:
        request["system"] = found.system
    return request


def _content(message: Message) -> str | list[dict[str, Any]]:
    if message.role == "assistant" and any(isinstance(each, FileContent) for each in message.parts):
        raise RequestError(f"{SERVICE} takes files in messages of the user only, not of the assistant")
    if len(message.parts) == 1 and isinstance(message.parts[0], str) and not message.calls:
        return message.parts[0]
    return [*_blocks(message), *map(_tool_use, message.calls)]


def _blocks(message: Message) -> list[dict[str, Any]]:
    return [
        {"type": "text", "text": each} if isinstance(each, str) else file_block(each)
        for each in message.parts
    ]


def _tool_use(call: ToolCall) -> dict[str, Any]:
    if not call.id:
        raise RequestError(
            f"the call of tool {call.name!r} has no 'id', by which {SERVICE} matches calls and answers; give "
            "it one of your own, and the same as 'tool_call_id' to the message that answers it"
        )
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}


def _tool_result(message: Message) -> dict[str, Any]:
    """What a function returned. Results of calls of one turn stand together in one message."""
    only_text = len(message.parts) == 1 and isinstance(message.parts[0], str)
    content = message.parts[0] if only_text else _blocks(message)
    return {"type": "tool_result", "tool_use_id": message.call_id, "content": content}


def file_block(file: FileContent) -> dict[str, Any]:
    """The block that carries a file's bytes, or says where they are.

    https://platform.claude.com/docs/en/build-with-claude/vision
    https://platform.claude.com/docs/en/build-with-claude/pdf-support

    Raises:
        RequestError: Claude does not read files of this kind, or not from there.
    """
    if file.mime_type in IMAGES or file.mime_type == PDF:
        return {"type": "document" if file.mime_type == PDF else "image", "source": _source(file)}
    if is_text(file.mime_type):
        data = as_text(file, SERVICE)
        return {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": data}}
    raise refused(file, SERVICE)


def _source(file: FileContent) -> dict[str, Any]:
    if file.data is None:
        return {"type": "url", "url": web_address(file, SERVICE)}
    return {"type": "base64", "media_type": file.mime_type, "data": base64_data(file)}


def tools(given: Sequence[Any] | None) -> list[dict[str, Any]]:
    """Tools as the service takes them: portable ones, and those in its own form as they are.

    Raises:
        RequestError: One of them is no tool.
    """
    return [_declared(each) if isinstance(each, Tool) else each for each in tools_of(given)]


def _declared(tool: Tool) -> dict[str, Any]:
    found: dict[str, Any] = {"name": tool.name, "input_schema": tool.parameters}
    return {**found, "description": tool.description} if tool.description else found
