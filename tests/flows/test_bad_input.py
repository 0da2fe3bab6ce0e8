"""Refused at submit: nothing is recorded, and the message says what to do."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

import gemchain
from tests.apps import flows
from tests.apps.shop import callbacks

GOOD = {"request": "hello", "model": flows.MODEL, "callback": flows.finish}


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"callback": lambda response: 1}, gemchain.ContinuationError, "lambda"),
        ({"callback": callbacks.outer()}, gemchain.ContinuationError, "nested"),
        ({"callback": callbacks.take_named}, gemchain.ContinuationError, "cannot be called"),
        ({"params": {"extra": 1}}, gemchain.ContinuationError, "cannot be called"),
        ({"on_error": callbacks.outer()}, gemchain.ContinuationError, "nested"),
        ({"callback": callbacks.take_anything, "params": {"x": object()}}, gemchain.ParamsError, "object"),
        ({"callback": callbacks.take_anything, "params": {1: 2}}, gemchain.ParamsError, "names"),
        ({"callback": callbacks.take_anything, "params": [1]}, gemchain.ParamsError, "dict"),
        ({"callback": None, "params": {"x": 1}}, gemchain.ParamsError, "there is none"),
        ({"request": ""}, gemchain.RequestError, "empty"),
        ({"request": "   "}, gemchain.RequestError, "empty"),
        ({"request": {}}, gemchain.RequestError, "empty"),
        ({"request": []}, gemchain.RequestError, "contents"),
        ({"request": {"contents": []}}, gemchain.RequestError, "contents"),
        ({"request": 7}, gemchain.RequestError, "int"),
        ({"request": None}, gemchain.RequestError, "NoneType"),
        ({"request": {"contents": object()}}, gemchain.RequestError, "object"),
        ({"request": "x" * 50_000_000}, gemchain.RequestError, "bytes"),
        ({"model": "simulate/echo"}, gemchain.ModelError, "did you mean 'simulated/echo'"),
        ({"model": "gpt-9"}, gemchain.ModelError, "gpt-9"),
        ({"model": ""}, gemchain.ModelError, "model"),
        ({"model": None}, gemchain.ModelError, "names no model"),
        ({"model": "simulated/"}, gemchain.ModelError, "simulated/"),
        ({"max_attempts": 0}, gemchain.InvalidInputError, "at least 1"),
        ({"priority": 10}, gemchain.InvalidInputError, "-9 to 9"),
        ({"accept": ["everything"]}, gemchain.InvalidInputError, "truncated"),
        ({"accept": "blocked"}, gemchain.InvalidInputError, "list"),
        ({"deadline": datetime(2020, 1, 1, tzinfo=UTC)}, gemchain.InvalidInputError, "over"),
        ({"deadline": datetime(2030, 1, 1)}, gemchain.InvalidInputError, "time zone"),  # noqa: DTZ001
        ({"schema": 3}, gemchain.RequestError, "schema"),
        ({"request": {"contents": [{"parts": [{"text": "x"}]}]}}, gemchain.RequestError, "'role': 'user'"),
        ({"request": ["x", Path("gone.png")]}, gemchain.RequestError, "gone.png"),
        ({"config": 3}, gemchain.RequestError, "GenerateContentConfig"),
        ({"config": {"tools": [flows.finish]}}, gemchain.RequestError, "Python function"),
    ],
)
def test_bad_input_is_refused_at_submit_and_leaves_nothing(engine, wrong, error, words):
    given = GOOD | wrong
    with pytest.raises(error, match=words):
        gemchain.submit(given.pop("request"), given.pop("model"), given.pop("callback"), **given)
    assert engine.runtime.store.list_chains() == []
    assert engine.runtime.store.queues() == []


def test_one_bad_prompt_among_many_leaves_its_group_unrecorded(engine):
    specs = [gemchain.prompt("a", flows.MODEL), gemchain.prompt("", flows.MODEL)]
    with pytest.raises(gemchain.RequestError):
        gemchain.submit_many(specs)
    assert engine.runtime.store.list_chains() == []


def test_a_setting_that_does_not_exist_is_refused_with_the_nearest():
    with pytest.raises(gemchain.ConfigurationError, match="did you mean 'max_wait'"):
        gemchain.configure(max_weight=3)


def test_a_setting_of_the_wrong_type_is_refused():
    with pytest.raises(gemchain.ConfigurationError, match="takes float"):
        gemchain.configure(max_wait="soon")


def test_a_wrong_value_in_the_environment_is_refused(monkeypatch):
    monkeypatch.setenv("GEMCHAIN_MAX_ATTEMPTS", "many")
    with pytest.raises(gemchain.ConfigurationError, match="max_attempts"):
        gemchain.configure()


def test_start_refuses_what_is_no_function(engine):
    with pytest.raises(gemchain.ContinuationError, match="takes a function"):
        gemchain.start("flows.outline")


def test_a_row_without_the_key_field_is_refused(engine):
    with pytest.raises(gemchain.InvalidInputError, match="'id'"):
        gemchain.start_many(flows.outline, [{"topic": "x"}], key="id")
