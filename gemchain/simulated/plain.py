"""How a simulated model speaks the plain wire format."""

from collections.abc import Mapping
from typing import Any

import orjson

from gemchain.errors import RequestError
from gemchain.formats.plain.format import PLAIN
from gemchain.ports import Format
from gemchain.simulated.answers import plain_answer
from gemchain.simulated.dialect import TOKEN
from gemchain.simulated.faults import RowFate, RowStyle
from gemchain.simulated.schemas import fitting
from gemchain.simulated.texts import Asked, split_request

__all__ = ["PlainDialect"]


class PlainDialect:
    """See `Dialect`."""

    wire_format: Format = PLAIN

    def builtin(self, request: dict[str, Any]) -> str:
        """See `Dialect.builtin`."""
        asked = split_request(request["text"])
        if request.get("system") and asked.material == asked.instruction:
            asked = Asked(request["system"], asked.material)
        schema = request.get("schema")
        return orjson.dumps(fitting(schema, asked)).decode() if schema else plain_answer(asked)

    def problem(self, request: Mapping[str, Any]) -> str | None:
        """See `Dialect.problem`."""
        try:
            PLAIN.check("plain", request)
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
        del model, seen_at
        body = {"text": said, "finish": "stop"} if isinstance(said, str) else said
        asked, answered = len(request.get("text", "")), len(str(body.get("text", "")))
        return {"tokens": {"input": -(-asked // TOKEN), "output": -(-answered // TOKEN)}, **body}

    def spoiled(self, body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.spoiled`."""
        match style.fate:
            case RowFate.BLOCKED:
                return {"finish": "filter"}
            case RowFate.EMPTY:
                return {**body, "text": ""}
            case RowFate.TRUNCATED:
                return {**body, "text": body["text"][: len(body["text"]) // 2], "finish": "length"}
        return body

    def echoed(self, request: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.echoed`. The fields come in another order."""
        del style
        return dict(reversed(request.items()))
