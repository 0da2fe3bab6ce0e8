"""Check of the settings of a new request: unknown names, and values of a wrong kind or out of range.

Many prompts have the same settings, so what was found sound is remembered by its text.
"""

import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from gemchain.errors import RequestError
from gemchain.formats.openai_responses.settings_table import FUNCTION, SETTINGS
from gemchain.formats.setting_kinds import Names, check_fields

__all__ = ["check_settings"]

CHAT_ALONE = frozenset({
    "stop", "stop_sequences", "seed", "n", "candidate_count", "frequency_penalty", "presence_penalty",
    "logit_bias",
})  # fmt: skip
"""Settings that chat completions have, and the Responses API has not."""


def check_settings(request: Mapping[str, Any]) -> None:
    """Refuse settings that the service does not know or take; see `Format.check_settings`."""
    _check_text(orjson.dumps({name: value for name, value in request.items() if name != "input"}))


@lru_cache(maxsize=1024)
def _check_text(text: bytes) -> None:
    settings = orjson.loads(text)
    for name in settings:
        if name in CHAT_ALONE:
            raise RequestError(
                f"config has {name!r}, which the Responses API does not have; leave it out, or use the model "
                "by chat completions, as openai/MODEL"
            )
        if name == "response_format":
            raise RequestError("config has 'response_format', which is text.format here; pass schema=")
    check_fields(settings, SETTINGS, "config", _NAMES)
    for place, tool in enumerate(settings.get("tools") or ()):
        if tool.get("type") in (None, "function"):
            _check_function(tool, f"config.tools[{place}]")


def _check_function(tool: dict[str, Any], place: str) -> None:
    if isinstance(tool.get("function"), dict):
        raise RequestError(
            f"{place} is a tool in the form of chat completions; here what is in its 'function' stands "
            "beside 'type'. Or pass tools=, which means the same for every model"
        )
    check_fields(tool, FUNCTION, place, _NAMES)
    if tool.get("type") is None or not isinstance(tool.get("name"), str):
        raise RequestError(f"{place} is a tool, which has a 'type' and a 'name', not {tool!r:.80}")


def _is_known_to_sdk(name: str) -> bool:
    """Whether OpenAI's SDK, if it is loaded, has a field of this name."""
    module = sys.modules.get("openai.types.responses.response_create_params")
    return name in getattr(getattr(module, "ResponseCreateParamsBase", None), "__annotations__", {})


_NAMES = Names(
    "config",
    newer=_is_known_to_sdk,
    others="its fields are those of OpenAI's Responses API. One that is newer than this gemchain is taken "
    "where an openai SDK that knows it is imported",
)
