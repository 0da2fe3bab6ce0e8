"""An index entry for a function, in three prompts: summary, keywords, entry.

python -m examples.rows functions > functions.jsonl
gemchain run examples/docstrings.py:start --input functions.jsonl --output entries.jsonl
"""

import os
from typing import Any

import gemchain

MODEL = os.environ.get("DEMO_MODEL", "simulated/gemini-3.5-flash-lite")

KEYWORDS = {
    "type": "object",
    "properties": {
        "keywords": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 4},
        "audience": {"type": "string", "enum": ["beginner", "everyday", "expert"]},
    },
    "required": ["keywords", "audience"],
}


def start(id: str, signature: str, doc: str) -> None:  # noqa: A002 -- the name of the row's field
    """Ask for a summary of the docstring."""
    gemchain.submit(
        f"Summarise in one sentence what {signature} does:\n\n{doc}",
        MODEL,
        find_keywords,
        params={"name": id},
    )


def find_keywords(response: gemchain.Response, name: str) -> None:
    """Ask for keywords, as data that fits a schema."""
    gemchain.submit(
        f"List up to four keywords, and who needs this:\n\n{response.text}",
        MODEL,
        write_entry,
        params={"name": name, "summary": response.text},
        schema=KEYWORDS,
    )


def write_entry(response: gemchain.Response, name: str, summary: str) -> None:
    """Ask for the entry itself."""
    found = response.parsed
    gemchain.submit(
        f"Rewrite as one line of an index, for {found['audience']} readers:\n\n{summary}",
        MODEL,
        finish,
        params={"name": name, "keywords": found["keywords"]},
    )


def finish(response: gemchain.Response, name: str, keywords: list[str]) -> dict[str, Any]:
    """What is returned is the chain's result."""
    return {"name": name, "entry": response.text, "keywords": keywords}
