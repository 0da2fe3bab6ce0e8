"""Async chains in which descriptions, errors and values are handed around."""

import pytest

import gemchain
from tests.apps import flows, passing
from tests.support.engines import embedded, redeploy

EACH_STORE = True

BLOCKED = {"promptFeedback": {"blockReason": "SAFETY"}}


def responder(request):
    return BLOCKED if flows.echo(request) == "bad" else flows.echo(request)


@pytest.mark.parametrize(
    ("program", "arguments", "result"),
    [
        (passing.one_prompt_many_times, [3], ["vote"] * 3),
        (passing.prompts_described_outside_of_their_branch, [], ["draft 0!", "draft 1!", "draft 2!"]),
        (passing.a_gather_described_outside_of_its_branch, [], [["a!", "b", "last"], "c!"]),
        (passing.a_gather_awaited_later, [], ["first", "a!", "b!"]),
        (
            passing.catches_an_error_with_many_arguments,
            [],
            "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (passing.catches_a_key_error, [], "k"),
        (passing.an_error_that_a_branch_returns_is_a_value, [], ["KeyError", "x!"]),
        (passing.responses_inside_of_other_values, [], [["a", "a 1", "a 2"], ["b", "b 1", "b 2"]]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_program_hands_around_what_it_likes(tmp_path, program, arguments, result):
    with embedded(tmp_path, responder=responder):
        assert gemchain.start(program, *arguments).result() == result


def test_each_description_in_a_gather_is_a_prompt_of_its_own(tmp_path):
    with embedded(tmp_path, responder=responder):
        chain = gemchain.start(passing.one_prompt_many_times, 5)
        chain.result()
        assert sum(chain.status().prompts.values()) == 6


def test_a_program_that_raises_on_a_failure_meets_the_same_failure_again(tmp_path):
    with (
        embedded(tmp_path, responder=responder),
        pytest.raises(gemchain.ChainFailedError, match="out of the handler"),
    ):
        gemchain.start(passing.raises_after_a_failure).result()


def test_a_branch_whose_prompt_changed_under_it_parks_the_chain_and_shows_both(tmp_path, monkeypatch):
    with embedded(tmp_path, responder=responder) as engine:
        chain = gemchain.start(passing.fixed, ["a", "b"])

        @gemchain.chain
        async def fixed(words):
            return await gemchain.gather(
                [gemchain.prompt(f"new {word}" if word == "b" else word, flows.MODEL) for word in words]
            )

        fixed.__module__, fixed.__qualname__ = passing.__name__, "fixed"
        monkeypatch.setattr(passing, "fixed", fixed)
        redeploy(engine)
        with pytest.raises(gemchain.ChainParkedError, match=r'"b".*"new b"'):
            chain.result()


def test_a_callback_inside_a_program_is_refused(tmp_path):
    with (
        embedded(tmp_path, responder=responder),
        pytest.raises(gemchain.InvalidInputError, match="after the await"),
    ):
        gemchain.start(passing.with_a_callback)
