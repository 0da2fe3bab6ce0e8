"""The wire format of llama.cpp's server: chat completions of texts, with an end for answers that find none.

https://github.com/ggml-org/llama.cpp/tree/master/tools/server
"""

from collections.abc import Mapping
from typing import Any

from gemchain.errors import RequestError
from gemchain.formats.file_content import as_text, is_text
from gemchain.formats.openai_chat.answer_format import passed_schema
from gemchain.formats.openai_chat.chat_format import ChatFormat
from gemchain.formats.openai_chat.dialect import Dialect
from gemchain.formats.openai_chat.settings_table import COMPAT
from gemchain.ports import NO_OPTIONS, Attach, Composed, FileContent, Options

__all__ = ["LOCAL", "MAX_TOKENS"]

SERVICE = "a local model"

LIMIT, OTHER_LIMITS = "max_tokens", ("max_completion_tokens", "n_predict")

MAX_TOKENS = 1024
"""Tokens of an answer where the request sets no limit. Small models may go round in circles for ever."""

TEMPERATURE = 0
"""Where the request sets none: always the likeliest word, so that a prompt gives nearly the same answer."""

REPEAT_PENALTY = 1.1
"""Where the request sets none: how much less likely a word is that came before. It keeps small models from
saying one sentence again and again."""


def _file_part(file: FileContent) -> dict[str, Any]:
    if is_text(file.mime_type):
        return {"type": "text", "text": as_text(file, SERVICE)}
    raise RequestError(
        f"{SERVICE} reads text only, not a file of kind {file.mime_type}; use a Gemini model, which may "
        "take it"
    )


def _part_problem(part: Mapping[str, Any]) -> str:
    return f"{SERVICE} reads text only, not a part of type {part.get('type')!r}"


def _as_it_is(call_id: str) -> str:
    return call_id


class LocalFormat(ChatFormat):
    """Chat completions whose answers end. Rows of it are read as those of any compatible server."""

    def compose(
        self,
        given: Any,
        config: Any = None,
        schema: Any = None,
        attach: Attach | None = None,
        options: Options = NO_OPTIONS,
    ) -> Composed:
        """The request, with settings that end and steady its answer unless it has its own.

        See `Format.compose`.
        """
        composed = super().compose(given, config, schema, attach, options)
        request = {"temperature": TEMPERATURE, "repeat_penalty": REPEAT_PENALTY, **composed.request}
        if not request.keys() & {LIMIT, *OTHER_LIMITS}:
            request[LIMIT] = MAX_TOKENS
        return composed._replace(request=request)


LOCAL = LocalFormat(
    Dialect(
        name="openai_compat",
        service="llama.cpp",
        limit=LIMIT,
        seed="seed",
        settings=COMPAT,
        file_part=_file_part,
        part_problem=_part_problem,
        json_schema=passed_schema,
        call_id=_as_it_is,
        open=True,
        joined=True,
    )
)
