"""Signed functions: what was not signed with the application's key, for that role, is never unpickled."""

import base64
import functools
import hashlib
import hmac
import os

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemchain.errors import UnresolvedError
from gemchain.functions.closures import Signer
from gemchain.functions.continuations import Continuations
from tests.support.fuzzing import NUMBERS, TEXTS, fuzz
from tests.support.watching import watched

KEY = "a key that is long enough for anybody"
CANARY = "SECURITY_CANARY"


class Payload:
    """Unpickling it leaves a mark: what an attacker would send."""

    def __reduce__(self):
        return os.putenv, (CANARY, "dead")


def signed(role="callback", key=KEY):
    number = 7
    return Signer(key).sign(lambda response: (response, number), role)


GOOD = signed()
SEALED = orjson.loads(GOOD)


def refuse(text, role="callback", key=KEY):
    """Loading it fails, and nothing was unpickled on the way."""
    with watched() as watch, pytest.raises(UnresolvedError):
        Signer(key).load(text, role)
    assert watch.done == []


def test_what_was_signed_here_is_loaded():
    with watched() as watch:
        assert Signer(KEY).load(GOOD, "callback")(1) == (1, 7)
    assert [event for event, _ in watch.done if event != "pickle.find_class"] == []


@fuzz(150)
@given(st.integers(0, len(GOOD) * 8 - 1))
def test_not_one_bit_may_differ(place):
    data = bytearray(GOOD.encode())
    data[place // 8] ^= 1 << place % 8
    text = data.decode(errors="replace")
    try:
        same = orjson.loads(text) == SEALED
    except ValueError:
        same = False
    if not same:  # a bit of white space or of the spelling is no change
        refuse(text)


@pytest.mark.parametrize("length", [0, 1, 10, len(GOOD) // 2, len(GOOD) - 1])
def test_nothing_may_be_missing(length):
    refuse(GOOD[:length])


@fuzz(120)
@given(
    st.dictionaries(
        st.sampled_from(["python", "cloudpickle", "sha256", "code", "mac", "role", "x"]),
        st.one_of(TEXTS, NUMBERS, st.none(), st.lists(TEXTS, max_size=2)).filter(
            lambda value: value != float("inf")
        ),
        min_size=1,
    )
)
def test_no_field_may_be_another(changes):
    text = orjson.dumps(SEALED | changes, option=orjson.OPT_NON_STR_KEYS).decode()
    if any(SEALED.get(name) != value for name, value in changes.items() if name in SEALED):
        refuse(text)


@pytest.mark.parametrize("key", ["another key that is long enough", KEY + " ", KEY.upper()])
def test_no_other_key_will_do(key):
    refuse(GOOD, key=key)


@pytest.mark.parametrize("role", ["on_error", "retry_if", "", "callback\x1f"])
def test_a_function_is_loaded_only_for_what_it_was_signed_for(role):
    refuse(GOOD, role)


@pytest.mark.parametrize("mac", ["", "0" * 64, None, "none", hmac.new(b"", b"", "sha256").hexdigest()])
def test_a_foreign_pickle_is_never_opened(mac):
    import cloudpickle

    code = cloudpickle.dumps(Payload())
    sealed = SEALED | {"code": base64.b85encode(code).decode(), "sha256": hashlib.sha256(code).hexdigest()}
    refuse(orjson.dumps(sealed | {"mac": SEALED["mac"] if mac is None else mac}).decode())
    refuse(base64.b85encode(code).decode())
    assert CANARY not in os.environ


def test_boundaries_between_fields_cannot_be_shifted():
    sealed = SEALED | {
        "python": f"{SEALED['python']}\x1f{SEALED['cloudpickle']}",
        "cloudpickle": SEALED["sha256"],
    }
    refuse(orjson.dumps(sealed).decode())


def test_a_name_that_was_resolved_is_not_taken_for_a_signed_function_nor_the_other_way_round():
    found = Continuations(modules=["tests"], signing_key=KEY)
    found.resolve("tests.apps.guarded:finish")
    with pytest.raises(UnresolvedError):
        found.load("tests.apps.guarded:finish", "callback")
    found.load(GOOD, "callback")
    with pytest.raises(UnresolvedError):
        found.resolve(GOOD)
    with pytest.raises(UnresolvedError):
        found.load(GOOD, "retry_if")


def larger(one, other):
    return max(one, other)


def test_partials_and_methods_are_bound_to_their_role_as_well():
    found = Continuations(modules=["tests"], signing_key=KEY)
    _, text = found.by_value(functools.partial(larger, 3), "retry_if", first="response")
    assert found.load(text, "retry_if")(5) == 5
    with pytest.raises(UnresolvedError):
        found.load(text, "callback")
