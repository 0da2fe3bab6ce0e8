"""A chain of three prompts: an outline, a draft, an edited article; one article for each language."""

import os
from collections.abc import Sequence

import gemchain

MODEL = os.environ.get("ARTICLES_MODEL", "gemini-3.5-flash-lite")


def outline(topic: str, languages: Sequence[str] = ("English",)) -> None:
    """Start the chain."""
    params = {"topic": topic, "languages": list(languages)}
    gemchain.submit(f"Outline an article on this topic:\n\n{topic}", MODEL, draft, params=params)


def draft(response: gemchain.Response, topic: str, languages: list[str]) -> None:
    """Write it in every language: several submits fork the chain."""
    for language in languages:
        request = f"Write, in {language}, the article on {topic} that this outlines:\n\n{response.text}"
        gemchain.submit(request, MODEL, edit, params={"topic": topic, "language": language})


def edit(response: gemchain.Response, topic: str, language: str) -> None:
    """Have the article edited."""
    request = f"Edit this article in {language}:\n\n{response.text}"
    gemchain.submit(request, MODEL, publish, params={"topic": topic, "language": language})


def publish(response: gemchain.Response, topic: str, language: str) -> dict[str, str]:
    """The chain's result."""
    return {"topic": topic, "language": language, "text": response.text}
