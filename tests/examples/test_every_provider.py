"""The examples, written for Gemini, run unchanged on every provider: only the model's name changes."""

from contextlib import ExitStack, contextmanager
from itertools import islice

import pytest

import gemchain
from examples import docstrings, flashcards, stories
from examples.stdlib import functions
from gemchain.base.clock import SystemClock
from gemchain.emulators.anthropic import AnthropicEmulator
from gemchain.emulators.gemini_api import GeminiApiEmulator
from gemchain.emulators.mistral import MistralEmulator
from gemchain.emulators.openai import OpenAIEmulator
from gemchain.records.states import PromptState
from gemchain.testing import VirtualClock, embedded
from tests.support.local_model import SETTINGS as LOCAL

SERVED = "org/model-7b"

GEMINI, OPENAI, RESPONSES = (
    "gemini-api/gemini-3.5-flash-lite",
    "openai/gpt-5-mini",
    "openai/responses/gpt-5-mini",
)
ANTHROPIC, MISTRAL = "anthropic/claude-haiku-4-5", "mistral/mistral-small-latest"
COMPAT, SMOLLM = f"compat/mine/{SERVED}", "local/smollm2"

WAYS = [
    *(
        (model, lane)
        for model in (GEMINI, OPENAI, RESPONSES, ANTHROPIC, MISTRAL)
        for lane in ("batch", "direct")
    ),
    (COMPAT, "direct"),
    (SMOLLM, "direct"),
]
SOME = [
    pytest.param(model, lane, marks=pytest.mark.slow if lane == "batch" or model == SMOLLM else ())
    for model, lane in WAYS
]
"""`make test` runs one example in all ways; `make test-all` runs all of them."""


@contextmanager
def services(env, clock):
    """Stand-ins of all services; gives the settings by which they are found."""
    with ExitStack() as stack:
        openai = stack.enter_context(OpenAIEmulator(clock=clock, models=("gpt-5-mini", SERVED)))
        env.setenv("OPENAI_API_KEY", "emulated")
        env.setenv("OPENAI_BASE_URL", openai.url)
        env.setenv("GEMINI_API_KEY", "emulated")
        yield {
            "gemini_api_endpoint": stack.enter_context(GeminiApiEmulator(clock=clock)).url,
            "anthropic_endpoint": stack.enter_context(AnthropicEmulator(clock=clock)).url,
            "mistral_endpoint": stack.enter_context(MistralEmulator(clock=clock)).url,
            "compat": {"mine": {"url": openai.url, "key_env": "OPENAI_API_KEY"}},
        }


@pytest.fixture
def run_on(tmp_path, monkeypatch):
    """Starts chains of an example on a model in a lane, and runs them to their end."""

    def run_on(example, model, lane, start):
        monkeypatch.setattr(example, "MODEL", model)
        clock = SystemClock() if lane == "direct" else VirtualClock()
        with (
            services(monkeypatch, clock) as settings,
            embedded(
                tmp_path, clock=clock, lane=lane, flush=0.02, grace=0, poll=0.05, **settings, **LOCAL
            ) as engine,
        ):
            chains = start()
            engine.run(timeout=120)
            return [(chain.result(timeout=0), chain.status().prompts) for chain in chains]

    return run_on


@pytest.mark.parametrize(("model", "lane"), WAYS)
def test_an_entry_with_keywords_by_a_schema(run_on, model, lane):
    rows = list(islice(functions(), 2))
    ends = run_on(docstrings, model, lane, lambda: gemchain.start_many(docstrings.start, rows, key="id"))
    for row, (entry, prompts) in zip(rows, ends, strict=True):
        assert entry["name"] == row["id"]
        assert entry["entry"]
        assert all(isinstance(each, str) for each in entry["keywords"])
        assert prompts == {PromptState.DONE: 3}


@pytest.mark.parametrize(("model", "lane"), SOME)
def test_a_card_for_each_paragraph(run_on, model, lane):
    paragraphs = [f"The {word} statement is a simple one. " * 5 for word in ("assert", "pass")]
    start = lambda: [gemchain.start(flashcards.start, "\n\n".join(paragraphs))]  # noqa: E731
    ((cards, prompts),) = run_on(flashcards, model, lane, start)
    assert len(cards) == 2
    assert all(card["question"] and card["answer"] for card in cards)
    assert prompts == {PromptState.DONE: 6}


@pytest.mark.parametrize(("model", "lane"), SOME)
def test_a_story_with_its_words(run_on, model, lane):
    ((story, prompts),) = run_on(stories, model, lane, lambda: [gemchain.start(stories.start, "owl")])
    assert story["title"]
    assert story["sentence"]
    assert 2 <= len(story["words"]) <= 3
    assert prompts == {PromptState.DONE: 3}
