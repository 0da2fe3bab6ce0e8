"""The batch API of OpenAI: the `Provider` port for `openai/…` models."""

from gemchain.providers.openai.provider import LIMITS, OpenAIProvider

__all__ = ["LIMITS", "OpenAIProvider"]
