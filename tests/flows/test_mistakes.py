"""What comes out of a gather when a branch raised."""

import orjson
import pytest

import gemchain
from gemchain.durable import exceptions
from gemchain.engine.operations.replay_check import check_replay
from gemchain.errors import UnresolvedError
from gemchain.records.states import PromptState
from tests.apps import flows, mistakes
from tests.support.engines import embedded

EACH_STORE = True

AGAIN = {
    "own": ["OutOfStockError", ["no bolt any more"], {"article": "bolt", "left": 2}],
    "derived": ["WorseError", ["no nut any more"], {"article": "nut", "left": 0}],
    "args": ["Exception", ["one", 2, [3], None], {}],
    "builtin": ["ValueError", ["two", 2], {}],
    "key": ["KeyError", ["key"], {}],
    "gemchain": ["ModelError", ["no such model"], {}],
}
"""Exceptions that are raised again as what they were."""

IN_WORDS = {
    "holding": ["HoldingError", "HoldingError: holds an object"],
    "unreadable": ["UnreadableError", "UnreadableError: (its text cannot be read)"],
    "nested": ["ClosedError", "ClosedError: at night"],
}


@pytest.mark.parametrize("name", AGAIN)
def test_an_exception_comes_out_of_a_gather_as_what_it_was(engine, name):
    assert gemchain.start(mistakes.directly, name).result() == AGAIN[name]
    assert gemchain.start(mistakes.catches, name).result() == [*AGAIN[name], [AGAIN[name][0], True]]


@pytest.mark.parametrize("name", IN_WORDS)
def test_what_cannot_be_raised_again_comes_out_as_a_prompt_error_that_names_it(engine, name):
    assert gemchain.start(mistakes.catches, name).result() == ["PromptError", *IN_WORDS[name], True]


def test_it_is_caught_in_every_later_run_too(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(mistakes.catches_its_class)
        engine.run()
        clock = engine.clock
    with embedded(tmp_path, responder=flows.echo, clock=clock):
        gemchain.resume(chain, "on")
        assert chain.result() == "no nut any more 0 on"


def test_it_may_be_a_value_among_others(engine):
    assert gemchain.start(mistakes.as_values).result() == ["bolt", "x"]


def test_it_comes_through_gathers_and_chains_and_is_told_with_its_own_traceback(engine):
    chain = gemchain.start(mistakes.lets_it_out)
    with pytest.raises(gemchain.ChainFailedError, match="OutOfStockError: no bolt any more") as caught:
        chain.result()
    assert "in fails" in caught.value.traceback
    assert gemchain.start(mistakes.asks_a_chain).result() == "the chain had no bolt any more"


def test_a_callback_learns_class_words_and_traceback(engine):
    found = gemchain.start(mistakes.start_callbacks).result()
    assert found == ["callback", "OutOfStockError", "OutOfStockError: no bolt any more", True]


def test_a_class_that_is_gone_parks_the_chain_until_it_is_back(engine, monkeypatch):
    chain = gemchain.start(mistakes.catches_its_class)
    engine.run()
    with monkeypatch.context() as patched:
        patched.delattr(mistakes, "WorseError")
        gemchain.resume(chain, "on")
        with pytest.raises(gemchain.ChainParkedError, match="no class 'WorseError'"):
            chain.result()
    assert chain.status().prompts[PromptState.PARKED] == 1
    assert chain.retry() == 1
    assert chain.result() == "no nut any more 0 on"


FOREIGN = (
    *("os:_exit", "subprocess:CalledProcessError"),
    *("builtins:exec", "builtins:SystemExit", "builtins:ExceptionGroup", "gemchain.errors:__all__"),
    *("tests.apps.mistakes:mistake", "tests.apps.mistakes:Shop", "x", ":", "a:b:c"),
)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_record_cannot_name_anything_but_an_exception_of_the_application(engine, name):
    found = exceptions.from_text(orjson.dumps({"class": name, "args": ["1"], "state": {}}).decode())
    assert isinstance(found, UnresolvedError)


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"class": 1, "args": [], "state": {}}'])
def test_what_is_no_exception_is_none(text):
    assert exceptions.from_text(text) is None


def test_an_exception_that_is_too_large_is_kept_in_words(engine):
    assert exceptions.to_text(ValueError("x" * 100)) is not None
    assert exceptions.to_text(ValueError("x" * 20_000)) is None


@pytest.mark.parametrize("program", [mistakes.as_values, mistakes.asks_a_chain, mistakes.lets_it_out])
def test_what_was_raised_rehearses_without_a_difference(engine, program):
    chain = gemchain.start(program)
    engine.run()
    assert check_replay(engine.runtime, chain.id) == []
