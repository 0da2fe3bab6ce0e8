"""The wire format of Mistral's chat completions. What it shares with OpenAI's stands in `openai_chat`."""
