"""OpenAI's API without a model: offline development and tests.

It serves what the official SDK calls: files, batches, chat completions, responses, embeddings and models, and
what goes wrong with each. The answers are simulated, and say so. Files and batches live in memory.
"""

from gemchain.emulators.openai.server import OpenAIEmulator

__all__ = ["OpenAIEmulator"]
