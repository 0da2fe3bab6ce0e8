"""Mistral's API without a model: files, batch jobs, chat completions and the list of models.

Answers are simulated, and say so. Files and jobs live in memory.
"""

from gemchain.emulators.mistral.server import MistralEmulator

__all__ = ["MistralEmulator"]
