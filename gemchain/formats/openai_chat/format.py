"""Chat completions of OpenAI, and of the servers that speak its format and know less, or other things."""

from collections.abc import Mapping
from typing import Any

from gemchain.formats.openai_chat.answer_format import openai_schema, passed_schema
from gemchain.formats.openai_chat.chat_format import ChatFormat
from gemchain.formats.openai_chat.check import openai_part_problem
from gemchain.formats.openai_chat.dialect import Dialect
from gemchain.formats.openai_chat.files import SERVER, SERVICE, compat_file_part, openai_file_part
from gemchain.formats.openai_chat.settings_table import COMPAT, OPENAI

__all__ = ["OPENAI_CHAT", "OPENAI_COMPAT"]


def _as_it_is(call_id: str) -> str:
    return call_id


def _no_problem(part: Mapping[str, Any]) -> None:
    del part


OPENAI_CHAT = ChatFormat(
    Dialect(
        name="openai_chat",
        service=SERVICE,
        limit="max_completion_tokens",
        seed="seed",
        settings=OPENAI,
        file_part=openai_file_part,
        part_problem=openai_part_problem,
        json_schema=openai_schema,
        call_id=_as_it_is,
        roles=("user", "assistant", "system", "developer", "tool", "function"),
        flex=True,
        says_json=True,
    )
)

OPENAI_COMPAT = ChatFormat(
    Dialect(
        name="openai_compat",
        service=SERVER,
        limit="max_tokens",
        seed="seed",
        settings=COMPAT,
        file_part=compat_file_part,
        part_problem=_no_problem,
        json_schema=passed_schema,
        call_id=_as_it_is,
        open=True,
        joined=True,
    )
)
