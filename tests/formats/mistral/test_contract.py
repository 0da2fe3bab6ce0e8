"""Mistral's chat completions pass the contract of wire formats."""

import pytest

from gemchain.formats.mistral.format import MISTRAL
from tests.contracts.format_contract import FormatContract

REASONS = {None: "stop", "blocked": "content_filter", "truncated": "model_length", "empty": "stop"}


class TestMistral(FormatContract):
    @pytest.fixture
    def wire_format(self):
        return MISTRAL

    def body(self, text, *, reason=None):
        content = "" if reason == "empty" else [{"type": "text", "text": text}]
        message = {"role": "assistant", "content": content, "tool_calls": None}
        return {"choices": [{"index": 0, "message": message, "finish_reason": REASONS[reason]}]}
