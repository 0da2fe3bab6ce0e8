"""Queues, and the claim that takes prompts out of them."""
