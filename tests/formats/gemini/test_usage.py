"""Gemini's token counts in the words of the port."""

import pytest

from gemchain.formats.gemini.usage import reported_usage, usage
from gemchain.ports import TokenCounts


def body(**counts):
    return {"usageMetadata": counts}


def test_thinking_counts_as_output_and_the_use_of_tools_as_input():
    counts = usage(
        body(
            promptTokenCount=10,
            toolUsePromptTokenCount=5,
            candidatesTokenCount=7,
            thoughtsTokenCount=100,
            cachedContentTokenCount=8,
            promptTokensDetails=[
                {"modality": "TEXT", "tokenCount": 6},
                {"modality": "IMAGE", "tokenCount": 4},
            ],
        )
    )
    assert counts == TokenCounts(input=15, cached=8, output=107, thinking=100, images=4)


@pytest.mark.parametrize(
    "counts", [{}, {"promptTokenCount": None}, {"trafficType": "ON_DEMAND"}, {"promptTokenCount": -1},
               {"promptTokenCount": True}, {"promptTokenCount": 1 << 60}, {"promptTokensDetails": "none"}]
)  # fmt: skip
def test_what_is_no_count_is_zero(counts):
    assert usage(body(**counts)) == TokenCounts()


@pytest.mark.parametrize("answer", [{}, {"usageMetadata": None}, {"usageMetadata": [1]}])
def test_an_answer_without_counts_has_none(answer):
    assert (usage(answer), reported_usage(answer)) == (TokenCounts(), {})


def test_the_providers_own_words_stay_as_they_are():
    assert reported_usage(body(promptTokenCount=3, trafficType="ON_DEMAND")) == {
        "promptTokenCount": 3,
        "trafficType": "ON_DEMAND",
    }
