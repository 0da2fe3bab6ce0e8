"""The `Format` port for `generateContent`, put together from the modules beside this one."""

from collections.abc import Mapping
from typing import Any

from gemchain.formats.gemini import answer, check, errors, finish_reasons, hashing, settings
from gemchain.formats.gemini import compose as requests
from gemchain.formats.gemini import usage as counts

__all__ = ["GEMINI", "GeminiFormat"]


class GeminiFormat:
    """Requests and answers of `generateContent`, in REST form."""

    name = "gemini"
    compose = staticmethod(requests.compose)
    check_settings = staticmethod(settings.check_settings)
    text = staticmethod(answer.text)
    parts = staticmethod(answer.parts)
    tool_calls = staticmethod(answer.tool_calls)
    finish_reason = staticmethod(answer.finish_reason)
    raw_finish_reason = staticmethod(answer.finish_reason)
    failure = staticmethod(errors.failure)
    judge = staticmethod(finish_reasons.judge)
    usage = staticmethod(counts.usage)
    reported_usage = staticmethod(counts.reported_usage)
    echo_hash = staticmethod(hashing.echo_hash)

    def check(self, model: str, request: Mapping[str, Any]) -> None:
        """Refuse a request that every service would refuse; see `Format.check`."""
        del model
        check.check_request(request)


GEMINI = GeminiFormat()
