"""What can never be kept or sent is refused at submit, in words: nothing is recorded or paid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gemchain
from gemchain.data.inputs import Input
from gemchain.data.layouts import JSONL
from tests.apps import guarded
from tests.support.fuzzing import TEXTS, fuzz

HALF = "\ud800"
CYCLE: list = []
CYCLE.append(CYCLE)


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"a": value}
    return value


BAD_VALUES = {
    "not a number": float("nan"),
    "infinite": float("inf"),
    "not a number, deep inside": {"a": [1, {"b": float("-inf")}]},
    "half a character": HALF,
    "half a character in a name": {HALF: 1},
    "itself": CYCLE,
    "10,000 deep": nested(10_000),
    "a huge number": 10**400,
    "an object": object(),
    "bytes in an unknown place": {"a": b"x"},
    "a mixed set": {1, "a"},
}


@pytest.fixture
def nothing(stand):
    """Afterwards, nothing was recorded."""
    yield stand
    assert stand.store.list_chains() == []
    assert stand.store.queues() == []


@pytest.mark.parametrize("name", BAD_VALUES)
def test_params_that_are_not_json(nothing, name):
    with pytest.raises(gemchain.ParamsError):
        nothing.submit("a", callback=guarded.follow, params={"topic": BAD_VALUES[name]})


@pytest.mark.parametrize("name", [each for each in BAD_VALUES if each != "bytes in an unknown place"])
def test_requests_that_are_not_json(nothing, name):
    contents = [{"role": "user", "parts": [{"text": "a"}]}]
    with pytest.raises(gemchain.InvalidInputError):
        nothing.submit({"contents": contents, "generationConfig": {"x": BAD_VALUES[name]}})


@pytest.mark.parametrize(
    "arguments",
    [
        {"key": HALF},
        {"key": "x" * 2_000},
        {"key": 5},
        {"model": f"model{HALF}"},
        {"model": "x" * 2_000},
        {"labels": {"a": float("nan")}},
        {"labels": {HALF: "a"}},
        {"max_attempts": "3"},
        {"max_attempts": 10**30},
        {"priority": 1.5},
        {"priority": float("nan")},
        {"deadline": "tomorrow"},
        {"accept": [["blocked"]]},
        {"accept": 5},
    ],
    ids=str,
)  # fmt: skip
def test_options_that_can_be_nothing(nothing, arguments):
    with pytest.raises(gemchain.InvalidInputError):
        nothing.submit("a", **arguments)


def test_arguments_of_a_chain_that_are_not_json(nothing):
    for value in (float("nan"), HALF, CYCLE, nested(10_000)):
        with pytest.raises(gemchain.ParamsError):
            nothing.start(guarded.program, value)
    with pytest.raises(gemchain.RequestError):
        nothing.start(guarded.plain, HALF)


def echo(value):
    return len(value)


def test_arguments_that_only_people_read_may_be_anything(stand):
    chain = stand.start(echo, HALF)
    assert stand.store.chains([chain.id])[chain.id].result == "1"


@pytest.mark.parametrize("key", [HALF, "x" * 2_000, 5])
def test_keys_of_chains(nothing, key):
    with pytest.raises(gemchain.InvalidInputError):
        gemchain.start(guarded.plain, "a", key=key)


@fuzz(60)
@given(st.recursive(st.one_of(TEXTS, st.floats(), st.integers()), lambda x: st.lists(x, max_size=3)))
def test_whatever_is_taken_comes_back_as_it_was(value):
    from gemchain.base import jsontext

    try:
        text = jsontext.dump(value)
    except TypeError:
        return
    assert jsontext.load(text) == value


@pytest.mark.parametrize(
    "line", ['{"a": NaN}', '{"a": "\\ud800"}', '{"a":' * 3000 + "1" + "}" * 3000, "{", "[1]"]
)
def test_rows_of_a_file_are_refused_with_their_number(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(gemchain.InvalidInputError, match=r"rows\.jsonl.*2"):
        list(Input(path, JSONL, path.name).rows())
