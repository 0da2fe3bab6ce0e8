"""The wire format of OpenAI's Responses API passes the contract."""

import pytest

from gemchain.formats.openai_responses.format import OPENAI_RESPONSES
from tests.contracts.format_contract import FormatContract

INCOMPLETE = {"blocked": {"reason": "content_filter"}, "truncated": {"reason": "max_output_tokens"}}


class TestOpenAIResponsesFormat(FormatContract):
    @pytest.fixture
    def wire_format(self):
        return OPENAI_RESPONSES

    def body(self, text, *, reason=None):
        content = [] if reason == "empty" else [{"type": "output_text", "text": text, "annotations": []}]
        return {
            "object": "response",
            "output": [{"type": "message", "role": "assistant", "content": content}],
            "status": "incomplete" if reason in INCOMPLETE else "completed",
            "incomplete_details": INCOMPLETE.get(reason),
        }
