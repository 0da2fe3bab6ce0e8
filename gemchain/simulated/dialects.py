"""Which wire format a simulated model speaks: its name says so."""

from functools import cache

from gemchain.formats.registry import format_named
from gemchain.simulated.anthropic import AnthropicDialect
from gemchain.simulated.chat import ChatDialect
from gemchain.simulated.dialect import Dialect
from gemchain.simulated.embeddings import GeminiEmbeddingDialect, OpenAIEmbeddingDialect
from gemchain.simulated.gemini import GeminiDialect
from gemchain.simulated.openai_responses import OpenAIResponsesDialect
from gemchain.simulated.plain import PlainDialect

__all__ = ["GEMINI", "GEMINI_EMBEDDINGS", "dialect_of"]

GEMINI: Dialect = GeminiDialect()
OTHERS: dict[str, Dialect] = {
    "plain": PlainDialect(),
    "anthropic": AnthropicDialect(),
    "openai_responses": OpenAIResponsesDialect(),
}
EMBEDDINGS: Dialect = OpenAIEmbeddingDialect()
GEMINI_EMBEDDINGS: Dialect = GeminiEmbeddingDialect()
CHATS = ("openai_chat", "openai_compat", "mistral")


def dialect_of(model: str) -> Dialect:
    """The dialect of a simulated model.

    `plain/…`, `anthropic/…`, `openai_chat/…`, `openai_compat/…`, `openai_responses/…` and `mistral/…` speak
    the formats of these names, `embeddings/…` that of OpenAI's embeddings, `embeddings/gemini/…` that of
    Gemini's, and any other speaks Gemini's own.
    """
    first, slash, rest = model.partition("/")
    if slash and first == "embeddings":
        return GEMINI_EMBEDDINGS if rest.startswith("gemini/") else EMBEDDINGS
    if slash and first in CHATS:
        return _chat(first)
    return OTHERS.get(first, GEMINI) if slash else GEMINI


@cache
def _chat(name: str) -> Dialect:
    return ChatDialect(format_named(name))
