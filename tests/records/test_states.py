"""The tables of moves, and that nothing moves against them."""

import itertools

import pytest

from gemchain.errors import MoveError
from gemchain.records import states
from gemchain.records.states import BatchState, ChainState, PartState, PromptState, check_move

TABLES = {
    PromptState: states.PROMPT_MOVES,
    BatchState: states.BATCH_MOVES,
    ChainState: states.CHAIN_MOVES,
    PartState: states.PART_MOVES,
}
PAIRS = [(kind, before, after) for kind in TABLES for before, after in itertools.product(kind, kind)]


@pytest.mark.parametrize(("kind", "before", "after"), PAIRS)
def test_a_move_is_allowed_exactly_when_the_table_has_it(kind, before, after):
    if after in TABLES[kind][before]:
        check_move(before, after)
    else:
        with pytest.raises(MoveError, match=f"from {before} to {after}"):
            check_move(before, after)


@pytest.mark.parametrize("kind", TABLES)
def test_every_state_has_a_row(kind):
    assert set(TABLES[kind]) == set(kind)


def test_states_of_one_kind_are_not_those_of_another_though_spelled_alike():
    assert PromptState.CANCELLED == ChainState.CANCELLED
    with pytest.raises(MoveError):
        check_move(ChainState.RUNNING, PromptState.CANCELLED)  # type: ignore[type-var]


def test_what_ended_stays_ended():
    ended = [PromptState.DONE, PromptState.CANCELLED]
    assert all(not states.PROMPT_MOVES[state] for state in ended)


def test_every_prompt_state_can_be_reached_and_every_open_one_left():
    reached = {after for afters in states.PROMPT_MOVES.values() for after in afters}
    assert reached == set(PromptState)
    assert all(PromptState.CANCELLED in states.PROMPT_MOVES[state] for state in states.OPEN_PROMPT)
