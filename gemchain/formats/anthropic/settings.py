"""Check of the settings of a new request: unknown names, and values of a wrong kind or out of range.

Many prompts have the same settings, so what was found sound is remembered by its text.
"""

import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from gemchain.errors import RequestError
from gemchain.formats.anthropic.compose import NO_SAMPLING, SAMPLING
from gemchain.formats.anthropic.settings_table import SETTINGS, TOOL
from gemchain.formats.setting_kinds import Names, check_fields

__all__ = ["check_settings"]


def check_settings(request: Mapping[str, Any]) -> None:
    """Refuse settings that the service does not know or take; see `Format.check_settings`."""
    settings = {name: value for name, value in request.items() if name not in ("messages", "system")}
    _check_text(orjson.dumps(settings))


@lru_cache(maxsize=1024)
def _check_text(text: bytes) -> None:
    settings = orjson.loads(text)
    for name in SAMPLING:
        if settings.get(name) is not None:
            raise RequestError(NO_SAMPLING.format(name=name))
    check_fields(settings, SETTINGS, "config", _NAMES)
    for place, tool in enumerate(settings.get("tools") or ()):
        if tool.get("type") in (None, "custom"):
            _check_tool(tool, f"config.tools[{place}]")


def _check_tool(tool: dict[str, Any], place: str) -> None:
    check_fields(tool, TOOL, place, _NAMES)
    if not isinstance(tool.get("name"), str) or not isinstance(tool.get("input_schema"), dict):
        raise RequestError(f"{place} is a tool, which has a 'name' and an 'input_schema', not {tool!r:.80}")


def _is_known_to_sdk(name: str) -> bool:
    """Whether Anthropic's SDK, if it is loaded, has a field of this name."""
    module = sys.modules.get("anthropic.types.message_create_params")
    return name in getattr(getattr(module, "MessageCreateParamsBase", None), "__annotations__", {})


_NAMES = Names(
    "config",
    newer=_is_known_to_sdk,
    others="its fields are those of Anthropic's Messages API. One that is newer than this gemchain is taken "
    "where an anthropic SDK that knows it is imported",
)
