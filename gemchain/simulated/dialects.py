"""Which wire format a simulated model speaks: its name says so."""

from gemchain.simulated.dialect import Dialect
from gemchain.simulated.gemini import GeminiDialect
from gemchain.simulated.plain import PlainDialect

__all__ = ["GEMINI", "dialect_of"]

GEMINI: Dialect = GeminiDialect()
PLAIN: Dialect = PlainDialect()


def dialect_of(model: str) -> Dialect:
    """The dialect of a simulated model: `plain/…` speaks the plain format, any other Gemini's."""
    return PLAIN if model.startswith("plain/") else GEMINI
