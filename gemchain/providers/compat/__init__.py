"""Servers that speak OpenAI's API, each under a name of one's own: the models `compat/NAME/MODEL`."""

from gemchain.providers.compat.provider import CompatProvider

__all__ = ["CompatProvider"]
