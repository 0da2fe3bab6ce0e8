"""Gemini's wire format passes the contract, and reads tool calls."""

import pytest

from gemchain.formats.gemini.format import GEMINI
from gemchain.ports import ToolCall
from tests.contracts.format_contract import FormatContract

REASONS = {None: "STOP", "blocked": "SAFETY", "truncated": "MAX_TOKENS", "empty": "STOP"}


class TestGeminiFormat(FormatContract):
    @pytest.fixture
    def wire_format(self):
        return GEMINI

    def body(self, text, *, reason=None):
        parts = [] if reason == "empty" else [{"text": text}]
        return {"candidates": [{"content": {"parts": parts}, "finishReason": REASONS[reason]}]}


def test_tool_calls_come_with_name_arguments_and_id():
    calls = [
        {"functionCall": {"name": "look_up", "args": {"word": "x"}, "id": "c1"}},
        {"text": "and"},
        {"functionCall": {"name": "count", "args": None}},
        {"functionCall": "none"},
    ]
    body = {"candidates": [{"content": {"parts": calls}, "finishReason": "STOP"}]}
    assert GEMINI.tool_calls(body) == [ToolCall("look_up", {"word": "x"}, "c1"), ToolCall("count", {})]
    assert GEMINI.judge(body) is None
