"""Anthropic's API without a model: Message Batches, single messages and the list of models.

Answers are simulated, and say so. Batches live in memory.
"""

from gemchain.emulators.anthropic.server import AnthropicEmulator

__all__ = ["AnthropicEmulator"]
