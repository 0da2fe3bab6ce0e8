"""The canonical hash: equal for a request and its echo, different for what is asked differently."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemchain.formats.gemini.hashing import echo_hash


def asking(text="x", **fields):
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}


SENT = asking(
    generation_config={
        "temperature": 1,
        "response_mime_type": "application/json",
        "response_schema": {
            "type": "object",
            "properties": {"first_name": {"type": "string", "any_of": [{"type": "string"}]}},
            "min_properties": 1,
        },
    },
    system_instruction={"parts": [{"text": "Be short."}]},
    tools=[{"function_declarations": [{"name": "look_up", "response": {"type": "object"}}]}],
    labels={"gemchain_prompt": "p1", "team_name": "red"},
)
ECHOED = {
    "cachedContent": None,
    "systemInstruction": {"parts": [{"text": "Be short.", "fileData": None}], "role": None},
    "labels": {"gemchain_prompt": "p2"},
    "tools": [
        {"functionDeclarations": [{"response": {"type": "OBJECT"}, "name": "look_up"}], "googleSearch": None}
    ],
    "safetySettings": [],
    "generationConfig": {
        "responseSchema": {
            "minProperties": "1",
            "properties": {"first_name": {"anyOf": [{"type": "STRING"}], "type": "STRING"}},
            "type": "OBJECT",
        },
        "responseMimeType": "application/json",
        "temperature": 1.0,
    },
    "contents": [{"parts": [{"text": "x", "inlineData": None}], "role": "user"}],
}


def test_a_request_and_its_echo_hash_alike():
    assert echo_hash(SENT) == echo_hash(ECHOED)


def test_the_hash_is_short_text():
    assert len(echo_hash(SENT)) == 32
    assert int(echo_hash(SENT), 16)


@pytest.mark.parametrize(
    "other",
    [
        asking("y"),
        asking(generationConfig={"temperature": 0.5}),
        asking(tools=[{"googleSearch": {}}]),
        {"contents": [{"role": "model", "parts": [{"text": "x"}]}]},
        {"contents": [{"role": "user", "parts": [{"text": "x"}, {"text": "x"}]}]},
    ],
)
def test_what_asks_for_something_else_hashes_differently(other):
    assert echo_hash(other) != echo_hash(asking())


def calling(args):
    return {"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": args}}]}]}


def shaped(**schema):
    return asking(generationConfig={"responseSchema": schema})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (calling({"user_id": 1}), calling({"userId": 1})),
        (calling({"a": None}), calling({})),
        (calling({"a": []}), calling({})),
        (calling({"nested": {"user_id": 1}}), calling({"nested": {"userId": 1}})),
        (shaped(properties={"user_id": {}}), shaped(properties={"userId": {}})),
        (shaped(default={"user_id": 1}), shaped(default={"userId": 1})),
        (
            asking(generationConfig={"responseJsonSchema": {"properties": {"user_id": {}}}}),
            asking(generationConfig={"responseJsonSchema": {"properties": {"userId": {}}}}),
        ),
        (asking("user_id"), asking("userId")),
    ],
)
def test_the_users_own_names_are_kept_letter_by_letter(one, other):
    assert echo_hash(one) != echo_hash(other)


def test_a_property_may_bear_the_name_of_a_field():
    one = shaped(properties={"labels": {"type": "string"}, "default": {"type": "string"}})
    other = shaped(properties={"labels": {"type": "STRING"}, "default": {"type": "STRING"}})
    assert echo_hash(one) == echo_hash(other)


def test_labels_never_take_part():
    assert echo_hash(asking(labels={"gemchain_prompt": "p1", "team": "red"})) == echo_hash(asking())


def test_numbers_too_long_for_a_protocol_buffer_are_hashed_all_the_same():
    assert echo_hash(calling({"n": 10**30})) == echo_hash(calling({"n": float(10**30)}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


def disordered(value):
    """The same JSON with every object's keys the other way round."""
    if isinstance(value, dict):
        return {key: disordered(value[key]) for key in reversed(value)}
    return [disordered(each) for each in value] if isinstance(value, list) else value


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"])), args=JSON, extra=JSON)
def test_any_request_hashes_like_its_copy_in_another_order(text, args, extra):
    request = asking(text, generationConfig={"seed": extra}, tools=[{"functionCall": {"args": args}}])
    copy = json.loads(json.dumps(disordered(request)))
    copy["cachedContent"] = None
    copy["contents"][0]["parts"][0]["fileData"] = None
    assert echo_hash(request) == echo_hash(copy)
