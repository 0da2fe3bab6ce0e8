"""Whole chains in chat completions: simulated models that speak them, with every fault of a row."""

import pytest

import gemchain
from gemchain.errors import RequestError
from gemchain.testing import embedded
from tests.apps import formats

DIALECTS = ["openai_chat", "openai_compat", "mistral"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("faults", ["", "keyless=1,nulls=1", "blocked=1", "truncated=1", "empty=1"])
def test_a_row_finds_its_prompt_and_is_judged(tmp_path, dialect, faults):
    with embedded(tmp_path, simulated_faults=faults, max_attempts=1) as engine:
        handles = [gemchain.submit(f"Name {n} birds.", f"simulated/{dialect}/echo") for n in range(9)]
        engine.run()
        states = {handle.chain.status().state.value for handle in handles}
        assert states == ({"FAILED"} if "1" in faults and "keyless" not in faults else {"DONE"})
        (request,) = engine.runtime.store.requests([handles[0].id]).values()
        assert request == '{"messages":[{"role":"user","content":"Name 0 birds."}]}'


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_that_is_asked_for_by_a_class_is_an_object_of_it_in_a_replay_too(tmp_path, dialect):
    with embedded(tmp_path):
        is_a_town, *people, tokens = gemchain.start(formats.town, f"simulated/{dialect}/echo").result()
        assert is_a_town
        assert all(isinstance(each, int) for each in people)
        assert tokens > 0


def test_a_null_for_what_may_be_left_out_is_the_default(tmp_path):
    with embedded(tmp_path, responder=lambda _: '{"name": "Rome", "people": null}'):
        assert gemchain.start(formats.town, "simulated/openai_chat/echo").result() == [True, 7, 7, 8]


def test_what_only_gemini_can_is_refused_when_it_is_submitted(tmp_path):
    with embedded(tmp_path), pytest.raises(RequestError, match="config has no field 'topK'"):
        gemchain.submit("x", "simulated/openai_chat/echo", config={"topK": 3})
