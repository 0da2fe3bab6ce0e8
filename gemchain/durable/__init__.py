"""Async chains: a coroutine is replayed from its finished prompts."""
