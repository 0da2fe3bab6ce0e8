"""The mistakes of a first hour: refused at submit, explained where they fail, or warned of once."""

import dataclasses
import logging
import re
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from uuid import UUID

import pytest

import gemchain
from gemchain.base import once
from gemchain.records.states import ChainState
from tests.apps import flows, surprises
from tests.apps.shop import callbacks


class Mood(Enum):
    GOOD = "good"


class Tone(StrEnum):
    DRY = "dry"


@dataclasses.dataclass
class Point:
    x: int = 0


CHANGED = {
    "datetime": (datetime(2026, 1, 1, tzinfo=UTC), "isoformat"),
    "date": (date(2026, 1, 1), "isoformat"),
    "timedelta": (timedelta(1), "total_seconds"),
    "uuid": (UUID(int=1), "str"),
    "decimal": (Decimal(1), "str"),
    "set": ({1}, "sorted"),
    "tuple": ((1, 2), "list"),
    "enum": (Mood.GOOD, "name"),
    "text enum": (Tone.DRY, "name"),
    "dataclass": (Point(), "asdict"),
    "path": (Path("a"), "str"),
    "bytes": (b"x", "base64"),
    "int keys": ({1: "a"}, "key 1"),
    "inside": ({"a": [1, {"b": (1,)}]}, r"\['a'\]\[1\]\['b'\] is a tuple"),
    "ordered": (OrderedDict(a=1), "dict"),
}
KEPT = ["text", 1, 1.5, True, None, [1, [2]], {"a": {"b": [None]}}, [], {}]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(once, "_warned", set())
    surprises.seen.clear()


@pytest.mark.parametrize("name", CHANGED)
def test_a_param_that_would_come_back_changed_is_refused_everywhere(engine, name):
    value, words = CHANGED[name]
    params = {"value": value}
    for call in (
        lambda: gemchain.submit("x", flows.MODEL, callbacks.take_anything, params=params),
        lambda: gemchain.gather([gemchain.prompt("x", flows.MODEL)], surprises.take_results, params=params),
        lambda: gemchain.start(waits_with, params),
        lambda: gemchain.start(surprises.a_chain, value),
        lambda: gemchain.start(surprises.a_chain, value=value),
        lambda: gemchain.start_many(surprises.a_chain, [params]),
    ):
        with pytest.raises(gemchain.ParamsError, match=words):
            call()
    assert engine.runtime.store.list_chains() == []


def waits_with(params):
    gemchain.wait("person", surprises.take_results, params=params)


@pytest.mark.parametrize("value", KEPT, ids=str)
def test_a_param_of_plain_data_comes_back_as_it_was(engine, value):
    gemchain.start(surprises.ask, surprises.take, params={"value": value})
    gemchain.start(surprises.a_chain, value)
    engine.run()
    assert {"value": value} in surprises.seen
    assert surprises.seen.count(value) == len(["the first run", "the run with the answer"])


def test_a_function_that_runs_at_once_may_be_started_with_anything(engine):
    assert gemchain.start(kind_of, datetime(2026, 1, 1, tzinfo=UTC)).result() == "datetime"


def kind_of(value):
    return type(value).__name__


def test_a_value_for_a_wait_is_refused_like_a_param(engine):
    chain = gemchain.start(waits_with, {"value": 1})
    with pytest.raises(gemchain.InvalidInputError, match="isoformat"):
        gemchain.resume(chain, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("callback", "words"),
    [
        (surprises.unmarked, "async def function.*@gemchain.chain"),
        (surprises.a_chain, r"gemchain\.start\(a_chain"),
        (surprises.yields, "has a `yield`"),
    ],
)
@pytest.mark.parametrize("role", ["callback", "on_error", "retry_if"])
def test_a_callback_that_would_do_nothing_is_refused(engine, callback, words, role):
    functions = {"callback": surprises.take, role: callback}
    with pytest.raises(gemchain.ContinuationError, match=words):
        gemchain.submit("x", flows.MODEL, functions.pop("callback"), **functions)


@pytest.mark.parametrize(
    ("callback", "words"),
    [
        (surprises.returns_coroutine, "returned a coroutine.*@gemchain.chain"),
        (surprises.returns_generator, "returned a generator"),
        (surprises.returns_prompt, r"gemchain\.prompt\(\) describes.*gemchain\.submit"),
        (surprises.exits, r"sys\.exit\(3\).*gemchain\.Abort"),
        (surprises.generator_exit, "GeneratorExit"),
        (surprises.cancelled, "CancelledError"),
    ],
)
def test_a_callback_that_cannot_go_on_so_fails_with_an_explanation(engine, callback, words):
    chain = gemchain.start(surprises.ask, callback)
    with pytest.raises(gemchain.ChainFailedError, match=words):
        chain.result()
    assert callback.__name__ in chain.status().failure.traceback or "returned" in words


def test_an_exit_in_a_start_in_a_program_and_in_retry_if_is_a_failure(engine):
    with pytest.raises(RuntimeError, match=r"sys\.exit\('over'\)"):
        gemchain.start(surprises.exits_at_start)
    for function in (surprises.exits_in_program, surprises.asks_with_exiting_retry):
        with pytest.raises(gemchain.ChainFailedError, match=r"sys\.exit"):
            gemchain.start(function).result()


def test_an_interrupt_in_a_callback_stays_an_interrupt(engine):
    chain = gemchain.start(surprises.ask, surprises.interrupts)
    with pytest.raises(KeyboardInterrupt):
        engine.run()
    assert chain.status().state is ChainState.RUNNING


@pytest.mark.parametrize("function", [surprises.returns_prompt_too, surprises.gathers_one_that_forgets])
def test_a_program_that_returns_a_description_says_so(engine, function):
    with pytest.raises(
        (gemchain.InvalidInputError, gemchain.ChainFailedError), match="in an async chain await it"
    ):
        gemchain.start(function).result()


FORGOTTEN = [
    (surprises.forgets_submit, r"never sent \(forgets_submit, line \d+\).*gemchain\.submit\(\)"),
    (surprises.forgets_submit_beside, "never sent"),
    (surprises.forgets_callback_of_gather, r"gemchain\.gather\(\)"),
    (surprises.forgets_callback_of_wait, r"gemchain\.wait\(\)"),
    (surprises.value_beside_submit, "returned a dict and submitted as well"),
    (surprises.promises_a_text, "annotated to return a value"),
    (surprises.promises_in_text, "annotated to return a value"),
]


def warnings_of(caplog):
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize(("callback", "words"), FORGOTTEN, ids=lambda each: getattr(each, "__name__", ""))
def test_what_was_forgotten_is_warned_of_once(engine, caplog, callback, words):
    for _ in range(3):
        gemchain.start(surprises.ask, callback)
    engine.run()
    (warning,) = warnings_of(caplog)
    assert re.search(words, warning)
    assert callback.__name__ in warning


@pytest.mark.parametrize(
    "function",
    [surprises.forgets_at_start, surprises.forgets_await_of_prompt, surprises.forgets_the_last_await],
)
def test_it_is_warned_of_in_starting_functions_and_async_chains_too(engine, caplog, function):
    for _ in range(2):
        gemchain.start(function)
    engine.run()
    (warning,) = warnings_of(caplog)
    assert function.__name__ in warning
    assert "never sent" in warning


@pytest.mark.parametrize("callback", surprises.INNOCENT, ids=lambda each: each.__name__)
def test_what_only_looks_forgotten_is_not_warned_of(engine, caplog, callback):
    gemchain.start(surprises.ask, callback)
    engine.run()
    assert warnings_of(caplog) == []


def test_descriptions_that_branches_await_are_not_forgotten(engine, caplog):
    assert gemchain.start(surprises.passes_descriptions_to_branches).result() == ["a", "b", "first", "later"]
    assert warnings_of(caplog) == []


@pytest.mark.parametrize(
    "program",
    [surprises.sleeps, surprises.sleeps_after_a_prompt, surprises.uses_asyncio_gather, surprises.sleeps_zero],
)
@pytest.mark.filterwarnings("ignore")
def test_awaiting_foreign_things_explains_itself(engine, program):
    with pytest.raises(
        (TypeError, gemchain.ChainFailedError), match=r"asyncio has no event loop here.*gemchain\.wait"
    ):
        gemchain.start(program).result()


def test_a_program_that_is_not_deterministic_is_told_what_to_use(engine):
    with pytest.raises(
        gemchain.ChainParkedError, match=r"gemchain\.now\(\), gemchain\.random\(\) and gemchain\.uuid"
    ):
        gemchain.start(surprises.by_chance).result()


def submits_nothing(number):
    pass


def starts_with_a_key(number):
    gemchain.start(surprises.a_chain, number, key=str(number))


def starts_another(number):
    gemchain.start(surprises.a_chain, number)


def gives_a_value(number):
    return number


def test_a_start_function_that_forgets_to_submit_is_warned_of_once(engine, caplog):
    for number in range(3):
        assert gemchain.start(submits_nothing, number).result() is None
    (warning,) = warnings_of(caplog)
    assert re.search(r"submits_nothing returned None and submitted nothing.*gemchain\.submit\(\)", warning)


@pytest.mark.parametrize("function", [starts_with_a_key, starts_another, gives_a_value])
def test_one_that_starts_chains_or_returns_a_value_is_not_warned_of(engine, caplog, function):
    gemchain.start(function, 0)
    assert warnings_of(caplog) == []
