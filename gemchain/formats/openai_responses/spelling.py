"""Portable messages, files and tools, spelled as fields of the Responses API."""

from collections.abc import Sequence
from typing import Any

import orjson

from gemchain.errors import RequestError
from gemchain.formats.file_content import IMAGES, PDF, as_text, base64_data, is_text, refused, web_address
from gemchain.formats.portable import Message, Portable, Tool, tools_of
from gemchain.ports import FileContent, ToolCall

__all__ = ["SERVICE", "file_part", "spelled", "tools"]

SERVICE = "OpenAI"


def spelled(found: Portable) -> dict[str, Any]:
    """A conversation as a request, of which OpenAI keeps no copy.

    A response is stored for 30 days unless a request says otherwise. Here the whole answer comes back by
    itself, in a batch's output file as in a direct answer, and is kept by gemchain; nothing fetches the copy.
    Who wants to refer to it by `previous_response_id` asks for it with `config={"store": True}`.
    https://developers.openai.com/api/docs/guides/your-data#v1responses

    Raises:
        RequestError: OpenAI cannot read something in it.
    """
    items = [item for each in found.messages for item in _items(each)]
    only = items[0] if len(items) == 1 and items[0].get("role") == "user" else {}
    text = only.get("content")
    request: dict[str, Any] = {"input": text if isinstance(text, str) else items, "store": False}
    if found.system is not None:
        request["instructions"] = found.system
    return request


def _items(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        answer = {"type": "function_call_output", "call_id": message.call_id, "output": _content(message)}
        return [answer]
    if message.role == "assistant":
        if any(isinstance(each, FileContent) for each in message.parts):
            raise RequestError(f"{SERVICE} takes files in messages of the user only, not of the assistant")
        said = [{"role": "assistant", "content": message.text}] if message.parts else []
        return [*said, *map(_function_call, message.calls)]
    return [{"role": "user", "content": _content(message)}]


def _content(message: Message) -> str | list[dict[str, Any]]:
    if len(message.parts) == 1 and isinstance(message.parts[0], str):
        return message.parts[0]
    return [
        {"type": "input_text", "text": each} if isinstance(each, str) else file_part(each)
        for each in message.parts
    ]


def _function_call(call: ToolCall) -> dict[str, Any]:
    if not call.id:
        raise RequestError(
            f"the call of tool {call.name!r} has no 'id', by which {SERVICE} matches calls and answers; give "
            "it one of your own, and the same as 'tool_call_id' to the message that answers it"
        )
    arguments = orjson.dumps(call.arguments).decode()
    return {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments}


def file_part(file: FileContent) -> dict[str, Any]:
    """The part that carries a file's bytes, or says where they are.

    https://developers.openai.com/api/docs/guides/images-vision
    https://developers.openai.com/api/docs/guides/file-inputs

    Raises:
        RequestError: OpenAI does not read files of this kind, or not from there.
    """
    if file.mime_type in IMAGES:
        address = web_address(file, SERVICE) if file.data is None else _data_url(file)
        return {"type": "input_image", "image_url": address, "detail": "auto"}
    if file.mime_type == PDF:
        if file.data is None:
            return {"type": "input_file", "file_url": web_address(file, SERVICE)}
        return {"type": "input_file", "filename": "file.pdf", "file_data": _data_url(file)}
    if is_text(file.mime_type):
        return {"type": "input_text", "text": as_text(file, SERVICE)}
    raise refused(file, SERVICE)


def _data_url(file: FileContent) -> str:
    return f"data:{file.mime_type};base64,{base64_data(file)}"


def tools(given: Sequence[Any] | None) -> list[dict[str, Any]]:
    """Tools as the service takes them: portable ones, and those in its own form as they are.

    Raises:
        RequestError: One of them is no tool.
    """
    return [_declared(each) if isinstance(each, Tool) else each for each in tools_of(given)]


def _declared(tool: Tool) -> dict[str, Any]:
    """Not strict: the strict form would want every argument, and null for those that are left out."""
    found = {"type": "function", "name": tool.name, "parameters": tool.parameters, "strict": False}
    return {**found, "description": tool.description} if tool.description else found
