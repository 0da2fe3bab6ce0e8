"""Chat completions pass the contract of wire formats, in each dialect."""

import pytest

from gemchain.formats.openai_chat.format import OPENAI_CHAT, OPENAI_COMPAT
from tests.contracts.format_contract import FormatContract

REASONS = {None: "stop", "blocked": "content_filter", "truncated": "length", "empty": "stop"}


class TestOpenAIChat(FormatContract):
    @pytest.fixture
    def wire_format(self):
        return OPENAI_CHAT

    def body(self, text, *, reason=None):
        content = None if reason == "empty" else text
        message = {"role": "assistant", "content": content, "refusal": None}
        return {"choices": [{"index": 0, "message": message, "finish_reason": REASONS[reason]}]}


class TestOpenAICompat(TestOpenAIChat):
    @pytest.fixture
    def wire_format(self):
        return OPENAI_COMPAT
