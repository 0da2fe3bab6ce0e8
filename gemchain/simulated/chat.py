"""How a simulated model speaks chat completions, as OpenAI, servers like it, or Mistral spell them."""

from collections.abc import Mapping
from typing import Any

import orjson

from gemchain.errors import RequestError
from gemchain.ports import Format
from gemchain.simulated.answers import plain_answer
from gemchain.simulated.dialect import TOKEN
from gemchain.simulated.faults import RowFate, RowStyle
from gemchain.simulated.schemas import fitting
from gemchain.simulated.texts import Asked, split_request

__all__ = ["ChatDialect"]

FREE_JSON = {
    "type": "object",
    "properties": {"summary": {}, "keywords": {"type": "array", "items": {"type": "string"}}},
}
"""What is answered when JSON is asked for without a schema."""


class ChatDialect:
    """See `Dialect`.

    Args:
        wire_format: Which chat completions they are.
    """

    def __init__(self, wire_format: Format) -> None:
        self.wire_format = wire_format

    def builtin(self, request: dict[str, Any]) -> str:
        """See `Dialect.builtin`."""
        asked = split_request(_last(request, "user") or _last(request, "tool"))
        system = _last(request, "system")
        if system and asked.material == asked.instruction:
            asked = Asked(system, asked.material)
        wanted = _answer_format(request)
        if wanted.get("type") not in ("json_schema", "json_object"):
            return plain_answer(asked)
        inside = wanted.get("json_schema")
        schema = inside.get("schema") if isinstance(inside, dict) else None
        return orjson.dumps(fitting(schema or FREE_JSON, asked)).decode()

    def problem(self, request: Mapping[str, Any]) -> str | None:
        """See `Dialect.problem`."""
        try:
            self.wire_format.check("simulated", request)
        except RequestError as error:
            return str(error)
        return None

    def as_submitted(self, request: dict[str, Any]) -> dict[str, Any]:
        """See `Dialect.as_submitted`. Nothing was added: the row's key names the prompt."""
        return request

    def as_body(
        self, said: str | dict[str, Any], request: Mapping[str, Any], model: str, seen_at: str
    ) -> dict[str, Any]:
        """See `Dialect.as_body`."""
        del seen_at
        body = completion(said) if isinstance(said, str) else said
        asked = -(-sum(len(_text_of(each)) for each in _messages(request)) // TOKEN)
        answered = -(-len(self.wire_format.text(body)) // TOKEN)
        usage = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
        return {"object": "chat.completion", "model": model, "usage": usage, **body}

    def spoiled(self, body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.spoiled`."""
        text = self.wire_format.text(body)
        match style.fate:
            case RowFate.BLOCKED if style.variant % 2:
                return {**body, **completion(None, refusal="I cannot help with that.")}
            case RowFate.BLOCKED:
                return {**body, **completion(None, "content_filter")}
            case RowFate.EMPTY:
                return {**body, **completion(None)}
            case RowFate.TRUNCATED:
                return {**body, **completion(text[: len(text) // 2], "length")}
        return body

    def echoed(self, request: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.echoed`. The fields come in another order."""
        echo = dict(reversed(request.items()))
        return {"temperature": None, **echo} if style.nulls else echo


def completion(text: str | None, finish: str = "stop", refusal: str | None = None) -> dict[str, Any]:
    """The body of an answer."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def _answer_format(request: Mapping[str, Any]) -> Mapping[str, Any]:
    found = request.get("response_format")
    return found if isinstance(found, dict) else {}


def _messages(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = request.get("messages")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _last(request: Mapping[str, Any], role: str) -> str:
    """The text of the last message of a role; empty where there is none."""
    texts = [_text_of(each) for each in _messages(request) if each.get("role") == role]
    return texts[-1] if texts else ""


def _text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    return "\n".join(_part_text(part) for part in content if isinstance(part, dict))


def _part_text(part: Mapping[str, Any]) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else f"({part.get('type')})"
