"""The ordered collection under every index, against a plain sorted list."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemchain.emulators.firestore.ordering import TOP
from gemchain.emulators.firestore.sorted_keys import SortedKeys

ENTRIES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), unique=True)


@given(entries=ENTRIES, low=st.integers(-1, 6), high=st.integers(-1, 6), reverse=st.booleans())
def test_a_range_is_that_of_a_sorted_list(entries, low, high, reverse):
    expected = sorted((entry for entry in entries if (low,) <= entry < (high,)), reverse=reverse)
    assert list(SortedKeys(entries).between((low,), (high,), reverse=reverse)) == expected


def test_thousands_of_changes_keep_the_order():
    rng, keys, model = random.Random(3), SortedKeys(), set()
    for _ in range(20_000):
        entry = (rng.randrange(3_000),)
        if entry in model:
            keys.remove(entry)
            model.remove(entry)
        else:
            keys.add(entry)
            model.add(entry)
    assert list(keys.between((), (TOP,))) == sorted(model)
    assert list(keys.between((), (TOP,), reverse=True)) == sorted(model, reverse=True)
    assert list(keys.between((1_000,), (2_000,))) == sorted(
        entry for entry in model if 1_000 <= entry[0] < 2_000
    )
    assert len(keys) == len(model)


def test_emptied_and_filled_again():
    keys = SortedKeys((number,) for number in range(2_000))
    for number in range(2_000):
        keys.remove((number,))
    assert list(keys.between((), (TOP,))) == []
    keys.add((1,))
    assert list(keys.between((), (TOP,))) == [(1,)]


def test_removing_what_is_not_there_is_an_error():
    with pytest.raises(KeyError):
        SortedKeys([(1,)]).remove((2,))
