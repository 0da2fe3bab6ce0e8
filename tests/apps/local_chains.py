"""Chains on a real model: a text, data that fits a schema, and a text again."""

import gemchain

MODEL = "local/smollm2"

ABOUT = {
    "type": "object",
    "properties": {
        "mood": {"type": "string", "enum": ["merry", "sad", "calm"]},
        "words": {
            "type": "array",
            "items": {"type": "string", "maxLength": 12},
            "minItems": 1,
            "maxItems": 2,
        },
        "age": {"type": "integer", "minimum": 1, "maximum": 99},
    },
    "required": ["mood", "words", "age"],
    "additionalProperties": False,
}


def begin(name):
    ask = f"Write a very short sentence about {name}."
    gemchain.submit(ask, MODEL, describe, max_output_tokens=16, accept=["truncated"])


def describe(response):
    text = response.text
    gemchain.submit(f"{text}\n\nDescribe this as JSON.", MODEL, finish, params={"text": text}, schema=ABOUT)


def finish(response, text):
    return {"text": text, "about": response.parsed}


print("loaded", flush=True)  # noqa: T201 -- the test kills only what has begun
