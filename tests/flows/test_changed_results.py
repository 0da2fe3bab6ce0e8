"""Results that JSON would change are refused like params, and the message says what to return instead."""

from datetime import UTC, datetime
from enum import Enum
from uuid import UUID

import pytest
from pydantic import BaseModel

import gemchain
from gemchain.testing import embedded
from tests.apps.flows import MODEL


class Mood(Enum):
    GOOD = "good"


class Point(BaseModel):
    x: int


CHANGED = {
    "a set": lambda: {1, 2},
    "a datetime": lambda: datetime(2026, 1, 1, tzinfo=UTC),
    "a tuple inside": lambda: {"a": [1, (2, 3)]},
    "an enum": lambda: [Mood.GOOD],
    "a uuid": lambda: {"id": UUID(int=1)},
    "a number as a key": lambda: {1: "a"},
    "bytes": lambda: b"x",
    "a response": lambda: {"answer": gemchain.Response({}, model="m")},
}
INSTEAD = {
    "a set": r"its result is a set.*: return sorted\(result\)",
    "a datetime": r"return result\.isoformat\(\)",
    "a tuple inside": r"result\['a'\]\[1\] is a tuple.*: return list\(result\['a'\]\[1\]\)",
    "an enum": r"return result\[0\]\.name",
    "a uuid": r"return str\(result\['id'\]\)",
    "a number as a key": r"the key 1, an int.*return str\(key\)",
    "bytes": "return base64",
    "a response": r"return result\['answer'\]\.text",
}
KEPT = {
    "a tuple": (lambda: ("a", [1]), ["a", [1]]),
    "a model": (lambda: {"point": Point(x=1)}, {"point": {"x": 1}}),
    "data": (lambda: {"a": [None, 1.5, True]}, {"a": [None, 1.5, True]}),
}
IN_BRANCHES = ("a set", "a datetime", "an enum", "a uuid", "a number as a key", "bytes")


def value(name):
    return CHANGED[name]() if name in CHANGED else KEPT[name][0]()


def asks(name):
    gemchain.submit("x", MODEL, gives, params={"name": name})


def gives(response, name):
    return value(name)


def at_once(name):
    return value(name)


@gemchain.chain
async def program(name):
    await gemchain.prompt("x", MODEL)
    return value(name)


@gemchain.chain
async def program_at_once(name):
    return value(name)


async def branch(name):
    await gemchain.prompt("x", MODEL)
    return value(name)


async def branch_at_once(name):
    return value(name)


@gemchain.chain
async def gathers(name):
    return [str(each) for each in await gemchain.gather([branch(name), gemchain.prompt("x", MODEL)])]


@gemchain.chain
async def gathers_at_once(name):
    return [str(each) for each in await gemchain.gather([branch_at_once(name), gemchain.prompt("x", MODEL)])]


@gemchain.chain
async def pairs():
    (pair,) = await gemchain.gather([a_pair()])
    return [type(pair).__name__, type(pair[1]).__name__]


async def a_pair():
    return "a", (await gemchain.prompt("x", MODEL))


@pytest.fixture
def engine(tmp_path):
    with embedded(tmp_path, callback_attempts=1) as made:
        yield made


@pytest.mark.parametrize("function", [asks, program], ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", CHANGED)
def test_such_a_result_fails_its_function(engine, function, name):
    with pytest.raises(gemchain.ChainFailedError, match=INSTEAD[name]):
        gemchain.start(function, name).result()


@pytest.mark.parametrize("function", [at_once, program_at_once], ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", CHANGED)
def test_one_that_a_start_function_returns_is_refused_and_nothing_is_recorded(engine, function, name):
    with pytest.raises(gemchain.InvalidInputError, match=INSTEAD[name]):
        gemchain.start(function, name)
    assert engine.runtime.store.list_chains() == []


@pytest.mark.parametrize("name", IN_BRANCHES)
def test_one_of_a_branch_is_refused(engine, name):
    with pytest.raises(gemchain.ChainFailedError, match=INSTEAD[name]):
        gemchain.start(gathers, name).result()
    with pytest.raises(gemchain.InvalidInputError, match=INSTEAD[name]):
        gemchain.start(gathers_at_once, name)


@pytest.mark.parametrize(
    "function", [asks, program, at_once, program_at_once], ids=lambda each: each.__name__
)
@pytest.mark.parametrize("name", KEPT)
def test_data_models_and_a_tuple_that_is_the_whole_result_are_kept_as_json(engine, function, name):
    assert gemchain.start(function, name).result() == KEPT[name][1]


def test_a_branch_may_return_tuples_and_responses(engine):
    assert gemchain.start(pairs).result() == ["tuple", "Response"]
