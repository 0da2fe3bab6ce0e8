"""Message Batches of Anthropic. `docs/decisions/0027-batches-without-a-name.md` says how one is found again."""

from gemchain.providers.anthropic.provider import AnthropicProvider

__all__ = ["AnthropicProvider"]
