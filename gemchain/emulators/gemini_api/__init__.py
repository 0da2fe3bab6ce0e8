"""Batches, files and single requests of the Gemini API, without a model: offline development and tests.

It serves the paths that google-genai calls: uploads, downloads, `batchGenerateContent`,
`asyncBatchEmbedContent`, `batches`, `generateContent` and `embedContent`. The answers are simulated, and say
so. Files and jobs live in memory.
"""

from gemchain.emulators.gemini_api.server import GeminiApiEmulator

__all__ = ["GeminiApiEmulator"]
