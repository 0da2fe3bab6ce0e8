"""Message Batches of Anthropic. How one is found again: `docs/decisions/0027-batches-without-a-name.md`."""

from gemchain.providers.anthropic.provider import AnthropicProvider

__all__ = ["AnthropicProvider"]
