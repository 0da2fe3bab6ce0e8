"""Portable messages, settings and tools, spelled as fields of `generateContent`."""

import base64
from typing import Any

import orjson

from gemchain.formats.portable import Message, Portable, Tool, tools_of
from gemchain.ports import FileContent, Options

__all__ = ["file_part", "spelled", "with_options"]


def spelled(found: Portable) -> dict[str, Any]:
    """A conversation as a request."""
    contents = [_content(each) for each in found.messages]
    request: dict[str, Any] = {"contents": contents}
    if found.system is not None:
        request["systemInstruction"] = _instruction(found.system)
    return request


def _content(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        answer = {"name": message.name or message.call_id, "response": _as_object(message.text)}
        return {"role": "user", "parts": [{"functionResponse": answer}]}
    parts: list[dict[str, Any]] = [
        {"text": each} if isinstance(each, str) else file_part(each) for each in message.parts
    ]
    parts += [{"functionCall": {"name": each.name, "args": each.arguments}} for each in message.calls]
    return {"role": "model" if message.role == "assistant" else "user", "parts": parts}


def _as_object(text: str) -> dict[str, Any]:
    """What a function returned, which has to be an object here."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = text
    return found if isinstance(found, dict) else {"result": found}


def _instruction(text: str) -> dict[str, Any]:
    return {"parts": [{"text": text}]}


def file_part(file: FileContent) -> dict[str, Any]:
    """The part that carries a file's bytes, or says where they are."""
    if file.data is not None:
        return {"inlineData": {"mimeType": file.mime_type, "data": base64.b64encode(file.data).decode()}}
    return {"fileData": {"mimeType": file.mime_type, "fileUri": file.uri}}


def with_options(request: dict[str, Any], options: Options) -> dict[str, Any]:
    """The request with these settings, which win over its own.

    Raises:
        RequestError: A tool is none.
    """
    settings = {"temperature": options.temperature, "maxOutputTokens": options.max_output_tokens}
    given = {name: value for name, value in settings.items() if value is not None}
    found = dict(request)
    if given:
        name = "generation_config" if "generation_config" in request else "generationConfig"
        before = request.get(name)
        found[name] = {**(before if isinstance(before, dict) else {}), **given}
        for each in ("max_output_tokens",) if "maxOutputTokens" in given else ():
            found[name].pop(each, None)
    if options.system is not None:
        found.pop("system_instruction", None)
        found["systemInstruction"] = _instruction(options.system)
    if options.tools is not None:
        found["tools"] = _tools(options.tools)
    return found


def _tools(given: Any) -> list[dict[str, Any]]:
    tools = tools_of(given)
    declared = [_declaration(each) for each in tools if isinstance(each, Tool)]
    own = [each for each in tools if not isinstance(each, Tool)]
    return [{"functionDeclarations": declared}, *own] if declared else own


def _declaration(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters}
