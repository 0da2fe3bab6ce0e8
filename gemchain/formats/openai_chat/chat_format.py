"""The `Format` port for chat completions in one dialect, put together from the modules beside this one."""

from collections.abc import Mapping
from typing import Any

from gemchain.formats.openai_chat import answer, check, errors, hashing, judge, settings
from gemchain.formats.openai_chat import compose as requests
from gemchain.formats.openai_chat import usage as counts
from gemchain.formats.openai_chat.dialect import Dialect
from gemchain.ports import NO_OPTIONS, Attach, Composed, Options

__all__ = ["ChatFormat"]


class ChatFormat:
    """Requests and answers of chat completions; each method does what `Format` says.

    A stored request holds no `model`: the provider adds it when it sends.
    """

    text = staticmethod(answer.text)
    parts = staticmethod(answer.parts)
    tool_calls = staticmethod(answer.tool_calls)
    finish_reason = staticmethod(answer.finish_reason)
    raw_finish_reason = staticmethod(answer.raw_finish_reason)
    failure = staticmethod(errors.failure)
    judge = staticmethod(judge.judge)
    usage = staticmethod(counts.usage)
    reported_usage = staticmethod(counts.reported_usage)
    echo_hash = staticmethod(hashing.echo_hash)

    def __init__(self, dialect: Dialect) -> None:
        self.name = dialect.name
        self._dialect = dialect

    def compose(
        self,
        given: Any,
        config: Any = None,
        schema: Any = None,
        attach: Attach | None = None,
        options: Options = NO_OPTIONS,
    ) -> Composed:
        """The request that will be sent; see `Format.compose`."""
        return requests.compose(self._dialect, given, config, schema, attach, options)

    def check(self, model: str, request: Mapping[str, Any]) -> None:
        """Refuse a request that every service would refuse; see `Format.check`."""
        del model
        check.check_request(self._dialect, request)

    def check_settings(self, request: Mapping[str, Any]) -> None:
        """Refuse settings that no service knows or takes; see `Format.check_settings`."""
        settings.check_settings(self._dialect, request)
