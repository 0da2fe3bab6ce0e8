"""How a simulated model speaks Gemini's wire format."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import orjson

from gemchain.formats.gemini.check import PROMPT_LABEL, problem
from gemchain.formats.gemini.fields import camel, field_of
from gemchain.formats.gemini.format import GEMINI
from gemchain.ports import Format
from gemchain.simulated.answers import plain_answer
from gemchain.simulated.dialect import TOKEN
from gemchain.simulated.faults import RowFate, RowStyle
from gemchain.simulated.schemas import fitting
from gemchain.simulated.texts import Asked, split_request

__all__ = ["GeminiDialect", "as_body", "as_submitted", "builtin"]

_FREE_JSON = {
    "type": "object",
    "properties": {"summary": {}, "keywords": {"type": "array", "items": {"type": "string"}}},
}
"""What is answered when JSON is asked for without a schema."""


def builtin(request: dict[str, Any]) -> str:
    """Answer from the request's own text: a summary, keywords, a list, a choice, JSON that fits a schema.

    The same request gets the same answer, everywhere and always. A few microseconds for a short prompt.
    """
    asked = _asked(request)
    config = field_of(request, "generationConfig") if len(request) > 1 else None
    if not config:
        return plain_answer(asked)
    schema = field_of(config, "responseSchema") or field_of(config, "responseJsonSchema")
    mime = field_of(config, "responseMimeType")
    if mime == "text/x.enum" and schema:
        return str(fitting(schema, asked))
    if schema is None and mime != "application/json":
        return plain_answer(asked)
    return orjson.dumps(fitting(schema or _FREE_JSON, asked)).decode()


def _asked(request: Mapping[str, Any]) -> Asked:
    text = _last_user_text(request.get("contents"))
    asked = split_request(text)
    if asked.material == asked.instruction and len(request) > 1:
        system = field_of(request, "systemInstruction")
        told = _text_of(system) if isinstance(system, dict) else ""
        if told:  # the instruction stands apart, so all of the turn is material
            return Asked(told, asked.material)
    return asked


def _last_user_text(contents: Any) -> str:
    if not isinstance(contents, list):
        return ""
    for content in reversed(contents):
        if isinstance(content, dict) and content.get("role", "user") == "user":
            return _text_of(content)
    return ""


def _text_of(content: Mapping[str, Any]) -> str:
    parts = content.get("parts")
    if not isinstance(parts, list):
        return ""
    if len(parts) == 1 and type(parts[0]) is dict and type(parts[0].get("text")) is str:
        text: str = parts[0]["text"]
        return text
    return "\n".join(_part_text(part) for part in parts if isinstance(part, dict))


def _part_text(part: Mapping[str, Any]) -> str:
    text = part.get("text")
    if isinstance(text, str):
        return text
    for name in ("fileData", "inlineData"):
        media = field_of(part, name)
        if isinstance(media, dict):
            kind = field_of(media, "mimeType") or "a file"
            return f"({kind} {field_of(media, 'fileUri') or ''})"
    reply = field_of(part, "functionResponse")
    return orjson.dumps(reply.get("response")).decode() if isinstance(reply, dict) else ""


def as_submitted(request: dict[str, Any]) -> dict[str, Any]:
    """The request without our own label."""
    labels = request.get("labels")
    if not isinstance(labels, dict) or PROMPT_LABEL not in labels:
        return request
    kept = {name: value for name, value in labels.items() if name != PROMPT_LABEL}
    bare = {name: value for name, value in request.items() if name != "labels"}
    return {**bare, "labels": kept} if kept else bare


def as_body(
    said: str | dict[str, Any], request: Mapping[str, Any], model: str, seen_at: str
) -> dict[str, Any]:
    """The GenerateContentResponse around an answer.

    Args:
        said: The answer's text, or a body whose missing fields are filled in.
        request: What was asked, for the count of its tokens and the response's id.
        model: The model that was asked for.
        seen_at: When it was answered, in ISO format.
    """
    asked = _last_user_text(request.get("contents")).encode("utf-8", "replace")
    around = {
        "createTime": seen_at,
        "modelVersion": f"simulated/{model.removeprefix('simulated/')}",
        "responseId": f"simulated-{crc32(asked):08x}",
    }
    if isinstance(said, str):
        candidate = {"content": {"parts": [{"text": said}], "role": "model"}, "finishReason": "STOP"}
        return {"candidates": [candidate], **around, "usageMetadata": _usage(_size(request), len(said))}
    body = {**said, **{name: value for name, value in around.items() if name not in said}}
    body.setdefault("usageMetadata", _usage(_size(request), _answer_size(said)))
    return body


def _usage(asked: int, answered: int) -> dict[str, Any]:
    prompt, answer = -(-asked // TOKEN), -(-answered // TOKEN)
    return {
        "candidatesTokenCount": answer,
        "promptTokenCount": prompt,
        "totalTokenCount": prompt + answer,
        "trafficType": "ON_DEMAND",
    }


def _answer_size(body: Mapping[str, Any]) -> int:
    candidates = body.get("candidates")
    if not isinstance(candidates, list):
        return 0
    contents = (each.get("content") for each in candidates if isinstance(each, dict))
    return sum(len(_text_of(content)) for content in contents if isinstance(content, dict))


def _size(request: Mapping[str, Any]) -> int:
    """Characters of all texts in a request."""
    contents = request.get("contents")
    turns = contents if isinstance(contents, list) else []
    if len(request) > 1:
        turns = [*turns, field_of(request, "systemInstruction")]
    return sum([len(_text_of(turn)) for turn in turns if isinstance(turn, dict)])


def _spoiled(body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
    """The body of an answer that was blocked, cut off or left empty."""
    if style.fate is RowFate.BLOCKED and style.variant % 2:
        rest = {name: value for name, value in body.items() if name != "candidates"}
        return {**rest, "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
    if style.fate is RowFate.BLOCKED:
        return {**body, "candidates": [{"finishReason": "SAFETY"}]}
    if style.fate is RowFate.EMPTY:
        return {**body, "candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}]}
    if style.fate is RowFate.TRUNCATED:
        return {**body, "candidates": [_cut_off(each) for each in body.get("candidates") or [{}]]}
    return body


def _cut_off(candidate: dict[str, Any]) -> dict[str, Any]:
    parts = (candidate.get("content") or {}).get("parts") or []
    kept = [{**part, "text": part["text"][: len(part["text"]) // 2]} for part in parts if part.get("text")]
    return {**candidate, "content": {"parts": kept, "role": "model"}, "finishReason": "MAX_TOKENS"}


def _echo(request: dict[str, Any], style: RowStyle) -> dict[str, Any]:
    """The request in the service's own spelling."""
    echo = {name: value for name, value in request.items() if not (style.unlabelled and name == "labels")}
    if not style.nulls:
        return echo
    echo = {camel(name): value for name, value in echo.items()}
    echo["contents"] = [_echoed_content(each) for each in echo.get("contents") or []]
    if isinstance(echo.get("generationConfig"), dict):
        echo["generationConfig"] = {camel(name): value for name, value in echo["generationConfig"].items()}
    return {"cachedContent": None, "systemInstruction": None, **echo}


def _echoed_content(content: Any) -> Any:
    if not isinstance(content, dict) or not isinstance(content.get("parts"), list):
        return content
    return {**content, "parts": [_echoed_part(part) for part in content["parts"]]}


def _echoed_part(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    echo = {"fileData": None, "inlineData": None, **{camel(name): value for name, value in part.items()}}
    for name in ("fileData", "inlineData", "videoMetadata"):
        if isinstance(echo.get(name), dict):
            echo[name] = {camel(key): value for key, value in echo[name].items()}
    return echo


class GeminiDialect:
    """See `Dialect`."""

    wire_format: Format = GEMINI
    builtin = staticmethod(builtin)
    problem = staticmethod(problem)
    as_submitted = staticmethod(as_submitted)
    as_body = staticmethod(as_body)
    spoiled = staticmethod(_spoiled)
    echoed = staticmethod(_echo)
