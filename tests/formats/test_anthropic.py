"""The wire format of Anthropic's Messages API passes the contract."""

import pytest

from gemchain.formats.anthropic.format import ANTHROPIC
from tests.contracts.format_contract import FormatContract

REASONS = {None: "end_turn", "blocked": "refusal", "truncated": "max_tokens", "empty": "end_turn"}


class TestAnthropicFormat(FormatContract):
    @pytest.fixture
    def wire_format(self):
        return ANTHROPIC

    def body(self, text, *, reason=None):
        blocks = [] if reason == "empty" else [{"type": "text", "text": text}]
        return {"type": "message", "role": "assistant", "content": blocks, "stop_reason": REASONS[reason]}
