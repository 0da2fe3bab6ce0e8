"""Flashcards from a text: one branch of three prompts for each paragraph.

    python -m examples.rows topics > topics.jsonl
    gemchain run examples/flashcards.py:start --input topics.jsonl --output cards.jsonl

`start` submits once for each paragraph, so the chain forks: every paragraph is a branch of its own. The
chain's result is the list of the branches' results, in the order of the paragraphs.
"""

import os
import re

import gemchain

MODEL = os.environ.get("DEMO_MODEL", "simulated/gemini-3.5-flash-lite")
SHORTEST = 120
"""Characters of a paragraph that is worth a card."""
MOST = 8
"""Cards for one text."""


def start(text: str) -> list[dict[str, str]]:
    """Submit the paragraphs. A text without paragraphs has no cards, and its chain is done at once."""
    paragraphs = [each.strip() for each in re.split(r"\n\s*\n", text) if len(each.strip()) >= SHORTEST]
    for paragraph in paragraphs[:MOST]:
        gemchain.submit(
            f"Summarise in one sentence:\n\n{paragraph}", MODEL, ask, params={"paragraph": paragraph}
        )
    return []


def ask(response: gemchain.Response, paragraph: str) -> None:
    """Turn the summary into a question."""
    gemchain.submit(
        f"Write one quiz question about this:\n\n{response.text}",
        MODEL,
        answer,
        params={"paragraph": paragraph},
    )


def answer(response: gemchain.Response, paragraph: str) -> None:
    """Ask for an answer to the question, from the paragraph."""
    question = response.text
    gemchain.submit(f"{question}\n\n{paragraph}", MODEL, card, params={"question": question})


def card(response: gemchain.Response, question: str) -> dict[str, str]:
    """One branch's value."""
    return {"question": question, "answer": response.text}
