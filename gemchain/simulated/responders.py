"""Who answers when no model does: the built-in responder, and the body around whatever a responder says.

Everything here is simulated and says so: the body's `modelVersion` and `responseId` begin with `simulated`.
"""

from collections.abc import Callable, Mapping
from typing import Any
from zlib import crc32

import orjson

from gemchain.errors import ProviderRejectedError, ProviderUnavailableError
from gemchain.formats.gemini.requests import PROMPT_LABEL, field_of
from gemchain.simulated.answers import plain_answer
from gemchain.simulated.schemas import fitting
from gemchain.simulated.texts import Asked, split_request

__all__ = ["Responder", "Said", "as_body", "as_error", "as_submitted", "builtin", "respond"]

Said = str | dict[str, Any] | Exception
Responder = Callable[[dict[str, Any]], Said]
"""Answers a request in REST form: a text, a whole GenerateContentResponse body, or a row error."""

_SAID = (str, dict, Exception)

TOKEN = 4
"""Characters that are taken for one token."""

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


def respond(responder: Responder, request: dict[str, Any]) -> Said:
    """Ask a responder; what it raises counts as what it returns."""
    try:
        said = responder(request)
    except Exception as error:  # noqa: BLE001 -- a responder's error is its answer
        return error
    if isinstance(said, _SAID):
        return said
    return TypeError(
        f"the simulated responder returned {type(said).__name__}; it returns str, dict or Exception"
    )


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


_ERRORS: tuple[tuple[tuple[type[Exception], ...], int, str, str], ...] = (
    ((PermissionError,), 403, "PERMISSION_DENIED", "Forbidden"),
    ((TimeoutError,), 504, "DEADLINE_EXCEEDED", "Gateway Timeout"),
    ((ProviderUnavailableError, ConnectionError), 503, "UNAVAILABLE", "Service Unavailable"),
    ((ProviderRejectedError, ValueError, TypeError, LookupError), 400, "INVALID_ARGUMENT", "Bad Request"),
    ((Exception,), 500, "INTERNAL", "Internal Server Error"),
)


def as_error(error: Exception) -> str:
    """The `status` of a row whose responder failed, as Vertex writes it."""
    for kinds, code, name, words in _ERRORS:
        if isinstance(error, kinds):
            return row_error(code, name, words, str(error) or type(error).__name__)
    raise AssertionError("every exception is an Exception")


def row_error(code: int, name: str, words: str, message: str) -> str:
    """The `status` of a row that failed: a phrase, and the error as JSON behind it."""
    return f"{words}: " + orjson.dumps({"error": {"code": code, "message": message, "status": name}}).decode()
