"""The formats by name, each loaded when it is first needed."""

from functools import cache
from importlib import import_module

from gemchain.errors import DamagedError
from gemchain.ports import Format

__all__ = ["DEFAULT", "format_named"]

DEFAULT = "gemini"
"""The format of a response that was stored without a name, before there were several."""

FORMATS = {
    "anthropic": ("gemchain.formats.anthropic.format", "ANTHROPIC"),
    "gemini": ("gemchain.formats.gemini.format", "GEMINI"),
    "gemini_embeddings": ("gemchain.formats.embeddings.gemini", "GEMINI_EMBEDDINGS"),
    "mistral": ("gemchain.formats.mistral.format", "MISTRAL"),
    "openai_chat": ("gemchain.formats.openai_chat.format", "OPENAI_CHAT"),
    "openai_compat": ("gemchain.formats.openai_chat.format", "OPENAI_COMPAT"),
    "openai_embeddings": ("gemchain.formats.embeddings.openai", "OPENAI_EMBEDDINGS"),
    "openai_responses": ("gemchain.formats.openai_responses.format", "OPENAI_RESPONSES"),
    "plain": ("gemchain.formats.plain.format", "PLAIN"),
}


@cache
def format_named(name: str = DEFAULT) -> Format:
    """The format of that name.

    Raises:
        DamagedError: There is none.
    """
    if name not in FORMATS:
        raise DamagedError(f"there is no wire format {name!r}; there are {', '.join(FORMATS)}")
    module, instance = FORMATS[name]
    found: Format = getattr(import_module(module), instance)
    return found
