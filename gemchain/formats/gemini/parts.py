"""The fields of a part of a content, as google-genai 2.34 has them, and what is said against another.

A test compares the names with google-genai's own type.
"""

import sys
from collections.abc import Mapping
from typing import Any

from gemchain.formats.gemini.fields import camel

__all__ = ["PART_FIELDS", "unknown_field"]

PART_FIELDS = frozenset({
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode",
    "codeExecutionResult", "thought", "thoughtSignature", "videoMetadata", "mediaResolution", "toolCall",
    "toolResponse", "partMetadata", "audioTranscription", "mediaProcessing", "speechMetadata",
})  # fmt: skip


def unknown_field(part: Mapping[Any, Any]) -> str | None:
    """What is said against the first field of a part that no service knows; None when all are known."""
    for name in part:
        if name in PART_FIELDS:
            continue
        if not isinstance(name, str):
            return f"a part has texts as names of its fields, not {name!r}"
        if camel(name) not in PART_FIELDS and not _is_known_to_genai(camel(name)):
            return _unknown(name)
    return None


def _unknown(name: str) -> str:
    from difflib import get_close_matches  # rarely needed, and 1 ms to import

    near = get_close_matches(camel(name), sorted(PART_FIELDS), n=3)
    if near:
        return f"a part has no field {name!r}; did you mean {' or '.join(map(repr, near))}?"
    return (
        f"a part has no field {name!r}; its fields are those of google-genai's Part, such as 'text', "
        "'inlineData' and 'fileData'"
    )


def _is_known_to_genai(name: str) -> bool:
    """Whether google-genai, if it is loaded, has a field of this name: one newer than this gemchain."""
    part = getattr(sys.modules.get("google.genai.types"), "Part", None)
    return any(field.alias == name for field in getattr(part, "model_fields", {}).values())
