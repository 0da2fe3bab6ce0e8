"""Which wire format a simulated model speaks: its name says so."""

from functools import lru_cache

from gemchain.simulated.dialect import Dialect
from gemchain.simulated.embeddings import GeminiEmbeddingDialect, OpenAIEmbeddingDialect
from gemchain.simulated.gemini import GeminiDialect
from gemchain.simulated.plain import PlainDialect

__all__ = ["GEMINI", "GEMINI_EMBEDDINGS", "dialect_of"]

GEMINI: Dialect = GeminiDialect()
PLAIN: Dialect = PlainDialect()
EMBEDDINGS: Dialect = OpenAIEmbeddingDialect()
GEMINI_EMBEDDINGS: Dialect = GeminiEmbeddingDialect()

_BY_PREFIX = {
    "plain/": PLAIN,
    "embeddings/gemini/": GEMINI_EMBEDDINGS,
    "embeddings/": EMBEDDINGS,
}
"""Beginnings of names; the first that fits decides."""


@lru_cache(maxsize=1024)
def dialect_of(model: str) -> Dialect:
    """The dialect of a simulated model.

    `plain/…` speaks the plain format, `embeddings/…` that of OpenAI's embeddings, `embeddings/gemini/…` that
    of Gemini's, any other name Gemini's own.
    """
    return next((found for prefix, found in _BY_PREFIX.items() if model.startswith(prefix)), GEMINI)
