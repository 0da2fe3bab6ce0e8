"""The `Format` port for plain requests and answers.

A request is `{"text": …}`, with `"system"` and `"schema"` where they are asked for. An answer is
`{"text": …}`, with `"finish"` (`stop`, `length`, `filter`), `"why"`, `"tokens"` and `"calls"` where the model
tells.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from gemchain.errors import RequestError
from gemchain.formats.http_errors import by_status
from gemchain.formats.portable import is_messages, portable
from gemchain.formats.schema import as_schema
from gemchain.ports import NO_OPTIONS, Attach, Composed, Options, TokenCounts, ToolCall
from gemchain.records import Failure

__all__ = ["PLAIN", "PlainFormat"]

FIELDS = frozenset({"text", "system", "schema"})
CONFIG = frozenset({"system"})
FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}
MOST = 1 << 40
"""Tokens that no answer takes."""


class PlainFormat:
    """Requests and answers that are a text and little else."""

    name = "plain"

    def compose(
        self,
        given: Any,
        config: Any = None,
        schema: Any = None,
        attach: Attach | None = None,
        options: Options = NO_OPTIONS,
    ) -> Composed:
        """A text, a list of texts, messages, or a dict of this form; see `Format.compose`."""
        del attach
        request = {**_request(given), **_config(config), **_options(options)}
        if schema is None:
            return Composed(request)
        sent, model = as_schema(schema)
        return Composed({**request, "schema": sent}, sent, model)

    def check(self, model: str, request: Mapping[str, Any]) -> None:
        """Refuse what has no text, or fields that are not of this form; see `Format.check`."""
        unknown = request.keys() - FIELDS
        if unknown:
            raise RequestError(f"model {model!r} takes {', '.join(sorted(FIELDS))}, not {min(unknown)!r}")
        if not isinstance(request.get("text"), str) or not request["text"].strip():
            raise RequestError("the request is empty")

    def check_settings(self, request: Mapping[str, Any]) -> None:
        """Nothing: `check` sees all settings that there are; see `Format.check_settings`."""
        del request

    def text(self, body: Mapping[str, Any]) -> str:
        """See `Format.text`."""
        found = body.get("text")
        return found if isinstance(found, str) else ""

    def parts(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """See `Format.parts`."""
        return [{"text": self.text(body)}] if self.text(body) else []

    def tool_calls(self, body: Mapping[str, Any]) -> list[ToolCall]:
        """See `Format.tool_calls`."""
        calls = body.get("calls")
        found = [each for each in calls if isinstance(each, dict)] if isinstance(calls, list) else []
        return [ToolCall(str(each.get("name") or ""), dict(each.get("arguments") or {})) for each in found]

    def finish_reason(self, body: Mapping[str, Any]) -> str:
        """See `Format.finish_reason`."""
        raw = self.raw_finish_reason(body)
        return FINISH.get(raw, raw.upper())

    def raw_finish_reason(self, body: Mapping[str, Any]) -> str:
        """See `Format.raw_finish_reason`."""
        return str(body.get("finish") or "")

    def failure(self, status: int, body: Mapping[str, Any]) -> Failure:
        """See `Format.failure`."""
        return by_status(status, str(body.get("error") or ""))

    def judge(self, body: Mapping[str, Any]) -> Failure | None:
        """See `Format.judge`."""
        why = f": {body['why']}" if body.get("why") else ""
        match self.raw_finish_reason(body):
            case "filter":
                return Failure("blocked", f"the answer was kept back{why}")
            case "length":
                return Failure("truncated", f"the answer hit the token limit{why}")
        usable = self.text(body) or body.get("calls")
        return None if usable else Failure("empty", "the answer has no text", retryable=True)

    def usage(self, body: Mapping[str, Any]) -> TokenCounts:
        """See `Format.usage`."""
        told = self.reported_usage(body)
        return TokenCounts(input=_count(told, "input"), output=_count(told, "output"))

    def reported_usage(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """See `Format.reported_usage`."""
        found = body.get("tokens")
        return found if isinstance(found, dict) else {}

    def echo_hash(self, request: Mapping[str, Any]) -> str:
        """See `Format.echo_hash`."""
        return blake2b(orjson.dumps(request, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _options(options: Options) -> dict[str, Any]:
    for name in ("temperature", "max_output_tokens", "tools"):
        if getattr(options, name) is not None:
            raise RequestError(f"a plain request has no setting {name!r}; use a model of another format")
    return {} if options.system is None else {"system": options.system}


def _request(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        return {"text": given}
    if is_messages(given):
        found = portable(given)
        assert found is not None
        texts = {"text": "\n\n".join(each.text for each in found.messages)}
        return texts if found.system is None else {**texts, "system": found.system}
    if isinstance(given, list | tuple) and all(isinstance(each, str) for each in given):
        return {"text": "\n\n".join(given)}
    if isinstance(given, Mapping):
        return dict(given)
    raise RequestError(f"a plain request is a text, a list of texts or a dict, no {type(given).__name__}")


def _config(config: Any) -> dict[str, Any]:
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise RequestError(f"the config of a plain request is a dict, not {config!r}")
    unknown = config.keys() - CONFIG
    if unknown:
        raise RequestError(f"a plain request has no setting {min(unknown)!r}; it has {', '.join(CONFIG)}")
    return dict(config)


def _count(told: Mapping[str, Any], name: str) -> int:
    found = told.get(name)
    return found if type(found) is int and 0 <= found < MOST else 0


PLAIN = PlainFormat()
