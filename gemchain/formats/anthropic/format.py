"""The `Format` port for the Messages API, put together from the modules beside this one."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from gemchain.formats.anthropic import answer, check, errors, settings
from gemchain.formats.anthropic import compose as requests

__all__ = ["ANTHROPIC", "AnthropicFormat"]


class AnthropicFormat:
    """Requests and answers of Anthropic's Messages API, of API version 2026-10-21.

    The stored request holds neither the model's name nor anything about lanes.
    """

    name = "anthropic"
    compose = staticmethod(requests.compose)
    check_settings = staticmethod(settings.check_settings)
    text = staticmethod(answer.text)
    parts = staticmethod(answer.parts)
    tool_calls = staticmethod(answer.tool_calls)
    finish_reason = staticmethod(answer.finish_reason)
    raw_finish_reason = staticmethod(answer.raw_finish_reason)
    failure = staticmethod(errors.failure)
    judge = staticmethod(answer.judge)
    usage = staticmethod(answer.usage)
    reported_usage = staticmethod(answer.reported_usage)

    def check(self, model: str, request: Mapping[str, Any]) -> None:
        """Refuse a request that the service would refuse; see `Format.check`."""
        del model
        check.check_request(request)

    def echo_hash(self, request: Mapping[str, Any]) -> str:
        """See `Format.echo_hash`. The service echoes no request."""
        return blake2b(orjson.dumps(request, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


ANTHROPIC = AnthropicFormat()
