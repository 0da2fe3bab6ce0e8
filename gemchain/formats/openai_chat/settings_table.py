"""The settings of a chat completion: their names, kinds and ranges, as openai 3.57 has them.

A test compares this table with the SDK's own types. Ranges are those of the service.
https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create
"""

from gemchain.formats.setting_kinds import Kind

__all__ = ["COMPAT", "FUNCTION", "OPENAI", "RESPONSE_FORMAT"]

NUMBER, INTEGER, TEXT, BOOLEAN = Kind("number"), Kind("integer"), Kind("text"), Kind("boolean")
TEXTS, ANY, OBJECT, OBJECTS = Kind("texts"), Kind("any"), Kind("object"), Kind("objects")
JSON_SCHEMA = Kind("json_schema")


def _object(**fields: Kind) -> Kind:
    return Kind("object", fields=fields)


RESPONSE_FORMAT = _object(
    type=TEXT, json_schema=_object(name=TEXT, description=TEXT, schema=JSON_SCHEMA, strict=BOOLEAN)
)

FUNCTION = _object(name=TEXT, description=TEXT, parameters=JSON_SCHEMA, strict=BOOLEAN)

OPENAI: dict[str, Kind] = {
    "audio": OBJECT,
    "frequency_penalty": Kind("number", -2, 2),
    "function_call": Kind("text_or_object", fields={"name": TEXT}),
    "functions": Kind("objects", fields={"name": TEXT, "description": TEXT, "parameters": JSON_SCHEMA}),
    "logit_bias": OBJECT,
    "logprobs": BOOLEAN,
    "max_completion_tokens": Kind("integer", 1),
    "max_tokens": Kind("integer", 1),
    "metadata": OBJECT,
    "modalities": TEXTS,
    "moderation": _object(model=TEXT, policy=_object(input=OBJECT, output=OBJECT)),
    "n": Kind("integer", 1, 128),
    "parallel_tool_calls": BOOLEAN,
    "prediction": _object(type=TEXT, content=ANY),
    "presence_penalty": Kind("number", -2, 2),
    "prompt_cache_key": TEXT,
    "prompt_cache_options": _object(mode=TEXT, ttl=TEXT),
    "prompt_cache_retention": TEXT,
    "reasoning_effort": TEXT,
    "response_format": RESPONSE_FORMAT,
    "safety_identifier": TEXT,
    "seed": INTEGER,
    "service_tier": TEXT,
    "stop": Kind("text_or_texts"),
    "store": BOOLEAN,
    "stream": BOOLEAN,
    "stream_options": OBJECT,
    "temperature": Kind("number", 0, 2),
    "tool_choice": Kind("text_or_object"),
    "tools": Kind(
        "objects",
        fields={
            "type": TEXT,
            "function": FUNCTION,
            "custom": _object(name=TEXT, description=TEXT, format=OBJECT),
        },
    ),
    "top_logprobs": Kind("integer", 0, 20),
    "top_p": Kind("number", 0, 1),
    "user": TEXT,
    "verbosity": TEXT,
    "web_search_options": _object(
        search_context_size=TEXT, user_location=_object(type=TEXT, approximate=OBJECT)
    ),
}
"""Beside `messages`."""

COMPAT: dict[str, Kind] = {
    name: Kind(kind.name) if kind.name != "objects" else Kind("objects")
    for name, kind in OPENAI.items()
    if name not in ("response_format", "metadata", "audio", "prediction", "moderation")
} | {"response_format": Kind("object")}
"""The same without ranges and without what is inside, which other servers extend."""
