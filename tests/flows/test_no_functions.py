"""What is no function is refused in the place of a callback, wherever one is given."""

import pytest

import gemchain
from tests.apps import flows
from tests.support.engines import embedded

GIVEN = ["cb", 7, 0, "", b"f", 1.5, [], {}, object(), NotImplemented]


def submit(**given):
    return gemchain.submit("x", flows.MODEL, **given)


def start_wait(wrong):
    gemchain.wait("w", callback=wrong)


def start_gather(wrong):
    gemchain.gather([gemchain.prompt("x", flows.MODEL)], callback=wrong)


PLACES = {
    "callback": lambda wrong: submit(callback=wrong),
    "on_error": lambda wrong: submit(callback=flows.finish, on_error=wrong),
    "only on_error": lambda wrong: submit(on_error=wrong),
    "retry_if": lambda wrong: submit(callback=flows.finish, retry_if=wrong),
    "gather": lambda wrong: gemchain.gather([gemchain.prompt("x", flows.MODEL)], callback=wrong),
    "a branch": lambda wrong: gemchain.gather(
        [gemchain.prompt("x", flows.MODEL, wrong)], callback=flows.finish
    ),
    "inside": lambda wrong: gemchain.start(start_gather, wrong),
    "wait": lambda wrong: gemchain.start(start_wait, wrong),
    "defaults": lambda wrong: gemchain.start(flows.outline, "x", defaults={"retry_if": wrong}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("wrong", GIVEN, ids=range(len(GIVEN)))
def test_it_is_refused_and_nothing_is_recorded(engine, place, wrong):
    with pytest.raises(gemchain.ContinuationError, match="must be a plain function"):
        PLACES[place](wrong)
    assert not engine.runtime.store.list_chains(limit=1)


@pytest.mark.parametrize("wrong", ["cb", 7, len], ids=["a text", "a number", "a builtin"])
def test_a_signing_key_does_not_make_it_one(tmp_path, monkeypatch, wrong):
    monkeypatch.setenv("GEMCHAIN_SIGNING_KEY", "k" * 40)
    with embedded(tmp_path), pytest.raises((gemchain.ContinuationError, ValueError)):
        gemchain.submit("x", flows.MODEL, wrong)
