"""Batch jobs of Mistral."""

from gemchain.providers.mistral.provider import MistralProvider

__all__ = ["MistralProvider"]
