"""The wire format of chat completions: OpenAI's own, and that of the many servers that speak it.

What differs between them stands in one record, `Dialect`. Mistral's format is made of the same modules.
"""
