"""Check of the settings of a new request: unknown names, and values of a wrong kind or out of range.

The table in `settings_table.py` decides, and google-genai's own types only add names that the table does not
have yet, when the process has loaded them already. Importing google-genai takes a second, which a submit must
not cost; and a table decides the same on every machine. A test compares both.

Many prompts have the same settings, so what was found sound is remembered by its text.
"""

import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from gemchain.formats.gemini.fields import camel
from gemchain.formats.gemini.settings_table import BESIDE, GENERATION, RENAMED
from gemchain.formats.setting_kinds import Names, check_fields, check_value

__all__ = ["check_settings"]

_GENERATION = GENERATION | {rest: GENERATION[name] for rest, name in RENAMED.items()}
_CHECKED = frozenset({"generationConfig", *BESIDE})


def check_settings(request: Mapping[str, Any]) -> None:
    """Refuse settings that no service knows or takes; see `Format.check_settings`."""
    if len(request) == 1:
        return
    settings = {name: value for name, value in request.items() if value and camel(name) in _CHECKED}
    if settings:
        _check_text(orjson.dumps(settings))


@lru_cache(maxsize=1024)
def _check_text(text: bytes) -> None:
    for name, value in orjson.loads(text).items():
        field = camel(name)
        if field == "generationConfig":
            check_fields(value, _GENERATION, "config", _NAMES)
        else:
            check_value(value, BESIDE[field], name, _NAMES)


def _is_known_to_genai(name: str) -> bool:
    """Whether google-genai, if it is loaded, has a setting of this name."""
    types = sys.modules.get("google.genai.types")
    classes = [getattr(types, each, None) for each in ("GenerateContentConfig", "GenerationConfig")]
    fields = [field for each in classes for field in getattr(each, "model_fields", {}).values()]
    return any(field.alias == name for field in fields)


_NAMES = Names(
    "config",
    spelled=camel,
    newer=_is_known_to_genai,
    others="its fields are those of google-genai's GenerateContentConfig. One "
    "that is newer than this gemchain is taken where a google-genai that knows it is imported",
)
