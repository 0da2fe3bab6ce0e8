"""The fields of a request of the Messages API beside the conversation, as anthropic 2.14 has them.

A test compares this table with the SDK's own types.
https://platform.claude.com/docs/en/api/messages
"""

from gemchain.formats.setting_kinds import Kind

__all__ = ["SETTINGS", "TOOL"]

INTEGER, TEXT, BOOLEAN = Kind("integer"), Kind("text"), Kind("boolean")
TEXTS, ANY, OBJECT, OBJECTS = Kind("texts"), Kind("any"), Kind("object"), Kind("objects")
JSON_SCHEMA = Kind("json_schema")


def _object(**fields: Kind) -> Kind:
    return Kind("object", fields=fields)


_CACHE = _object(type=TEXT, ttl=TEXT)

SETTINGS: dict[str, Kind] = {
    "max_tokens": Kind("integer", 1),
    "cache_control": _CACHE,
    "container": Kind("text_or_object"),
    "diagnostics": _object(previous_message_id=TEXT),
    "inference_geo": TEXT,
    "metadata": _object(user_id=TEXT),
    "output_config": _object(effort=TEXT, format=_object(type=TEXT, schema=JSON_SCHEMA)),
    "service_tier": TEXT,
    "speed": TEXT,
    "stop_sequences": TEXTS,
    "stream": BOOLEAN,
    "thinking": _object(type=TEXT, budget_tokens=Kind("integer", 1024), display=TEXT),
    "tool_choice": _object(type=TEXT, name=TEXT, disable_parallel_tool_use=BOOLEAN),
    "tools": OBJECTS,
    "user_profile_id": TEXT,
}
"""Beside `messages` and `system`. Fields of the service's own tools are left to the service."""

TOOL: dict[str, Kind] = {
    "name": TEXT,
    "description": TEXT,
    "input_schema": JSON_SCHEMA,
    "type": TEXT,
    "strict": BOOLEAN,
    "allowed_callers": TEXTS,
    "cache_control": _CACHE,
    "defer_loading": BOOLEAN,
    "eager_input_streaming": BOOLEAN,
    "input_examples": OBJECTS,
}
"""A tool that the user describes."""
