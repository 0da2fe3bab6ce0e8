"""The fields of a request of the Responses API beside the input, as openai 3.57 has them.

A test compares this table with the SDK's own types. Ranges are those of the service.
https://developers.openai.com/api/reference/resources/responses/methods/create
"""

from gemchain.formats.setting_kinds import Kind

__all__ = ["FUNCTION", "SETTINGS"]

TEXT, BOOLEAN = Kind("text"), Kind("boolean")
TEXTS, ANY, OBJECT, OBJECTS = Kind("texts"), Kind("any"), Kind("object"), Kind("objects")
JSON_SCHEMA = Kind("json_schema")


def _object(**fields: Kind) -> Kind:
    return Kind("object", fields=fields)


SETTINGS: dict[str, Kind] = {
    "access_programs": _object(cyber=TEXT),
    "background": BOOLEAN,
    "background_options": OBJECT,
    "context_management": OBJECTS,
    "conversation": Kind("text_or_object"),
    "image": OBJECT,
    "include": TEXTS,
    "instructions": TEXT,
    "max_output_tokens": Kind("integer", 1),
    "max_tool_calls": Kind("integer", 1),
    "metadata": OBJECT,
    "moderation": _object(model=TEXT, policy=OBJECT),
    "parallel_tool_calls": BOOLEAN,
    "previous_response_id": TEXT,
    "prompt": _object(id=TEXT, version=TEXT, variables=OBJECT),
    "prompt_cache_key": TEXT,
    "prompt_cache_options": OBJECT,
    "prompt_cache_retention": TEXT,
    "reasoning": _object(context=TEXT, effort=TEXT, generate_summary=TEXT, mode=TEXT, summary=TEXT),
    "safety_identifier": TEXT,
    "service_tier": TEXT,
    "store": BOOLEAN,
    "stream": BOOLEAN,
    "stream_options": OBJECT,
    "temperature": Kind("number", 0, 2),
    "text": _object(
        format=_object(type=TEXT, name=TEXT, schema=JSON_SCHEMA, description=TEXT, strict=BOOLEAN),
        verbosity=TEXT,
    ),
    "tool_choice": Kind("text_or_object"),
    "tools": OBJECTS,
    "top_logprobs": Kind("integer", 0, 20),
    "top_p": Kind("number", 0, 1),
    "truncation": TEXT,
    "user": TEXT,
}
"""Beside `input`. Fields of the service's own tools are left to the service."""

FUNCTION: dict[str, Kind] = {
    "type": TEXT,
    "name": TEXT,
    "description": TEXT,
    "parameters": JSON_SCHEMA,
    "strict": BOOLEAN,
    "async": BOOLEAN,
    "allowed_callers": TEXTS,
    "defer_loading": BOOLEAN,
    "output_schema": JSON_SCHEMA,
}
"""A tool that the user describes."""
