"""The settings of Mistral's chat completions: their names, kinds and ranges, as mistralai 3.7 has them.

A test compares this table with the SDK's own types.
https://docs.mistral.ai/api/#tag/chat/operation/chat_completion_v1_chat_completions_post
"""

from gemchain.formats.openai_chat.settings_table import FUNCTION, RESPONSE_FORMAT
from gemchain.formats.setting_kinds import Kind

__all__ = ["MISTRAL"]

NUMBER, INTEGER, TEXT, BOOLEAN = Kind("number"), Kind("integer"), Kind("text"), Kind("boolean")
OBJECT, OBJECTS = Kind("object"), Kind("objects")

MISTRAL: dict[str, Kind] = {
    "frequency_penalty": Kind("number", -2, 2),
    "guardrails": OBJECTS,
    "logprobs": BOOLEAN,
    "max_tokens": Kind("integer", 0),
    "metadata": OBJECT,
    "min_tokens": Kind("integer", 0),
    "n": Kind("integer", 1),
    "parallel_tool_calls": BOOLEAN,
    "prediction": Kind("object", fields={"type": TEXT, "content": TEXT}),
    "presence_penalty": Kind("number", -2, 2),
    "prompt_cache_key": TEXT,
    "prompt_logprobs": BOOLEAN,
    "prompt_mode": TEXT,
    "random_seed": Kind("integer", 0),
    "reasoning_effort": TEXT,
    "repetition_penalty": NUMBER,
    "response_format": RESPONSE_FORMAT,
    "safe_prompt": BOOLEAN,
    "service_tier": TEXT,
    "stop": Kind("text_or_texts"),
    "stream": BOOLEAN,
    "temperature": Kind("number", 0, 1.5),
    "tool_choice": Kind("text_or_object"),
    "tools": Kind(
        "objects",
        fields={
            "type": TEXT,
            "function": FUNCTION,
            "tool_configuration": OBJECT,
            "library_ids": Kind("texts"),
            "connector_id": TEXT,
            "authorization": OBJECT,
        },
    ),
    "top_k": INTEGER,
    "top_logprobs": Kind("integer", 0),
    "top_p": Kind("number", 0, 1),
    "top_prompt_logprobs": Kind("integer", 0),
}
"""Beside `messages`."""
