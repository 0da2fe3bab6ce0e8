"""Lines that go out, and rows that come back in every form."""

import contextlib
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemchain.formats.gemini.rows import classify, input_line, read_row
from gemchain.records import InputRow

REQUEST = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
BODY = {"candidates": [{"content": {"parts": [{"text": "y"}], "role": "model"}, "finishReason": "STOP"}]}


def line(**fields):
    return orjson.dumps(fields)


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST,
        {**REQUEST, "labels": {"team": "red"}},
        {**REQUEST, "labels": None},
        {**REQUEST, "labels": {"gemchain_prompt": "other"}},
        {"contents": [{"role": "user", "parts": [{"text": 'say "labels": and }'}]}]},
    ],
)
@pytest.mark.parametrize("dump", [lambda r: orjson.dumps(r).decode(), lambda r: json.dumps(r, indent=2)])
def test_an_input_line_is_one_line_that_carries_key_label_and_request(request_, dump):
    written = input_line(InputRow("p1", dump(request_)))
    assert written.endswith(b"}\n")
    assert written.count(b"\n") == 1
    read = orjson.loads(written)
    labels = {**(request_.get("labels") or {}), "gemchain_prompt": "p1"}
    assert read == {"key": "p1", "request": {**request_, "labels": labels}}


@pytest.mark.parametrize("text", ["[]", '"x"', "{", ""])
def test_a_request_that_is_no_object_gives_no_line(text):
    with pytest.raises(ValueError, match=r"."):
        input_line(InputRow("p1", text))


def test_an_empty_request_is_still_a_line():
    assert orjson.loads(input_line(InputRow("p1", "{}"))) == {
        "key": "p1",
        "request": {"labels": {"gemchain_prompt": "p1"}},
    }


def test_an_odd_id_is_escaped():
    assert orjson.loads(input_line(InputRow('p"1', orjson.dumps(REQUEST).decode())))["key"] == 'p"1'


def test_a_row_of_vertex_is_read():
    row = read_row(
        line(request=REQUEST, status="", response=BODY, processed_time="2026-07-29T15:23:47+00:00")
    )
    assert row == (None, REQUEST, BODY, None, "batch")


def test_a_row_of_the_gemini_api_is_read():
    assert read_row(line(key="p1", response=BODY)) == ("p1", None, BODY, None, "batch")


@pytest.mark.parametrize(
    ("fields", "prompt_id"),
    [
        ({"key": "p1"}, "p1"),
        ({"request": {"labels": {"gemchain_prompt": "p2"}}}, "p2"),
        ({"key": "p1", "request": {"labels": {"gemchain_prompt": "p2"}}}, "p1"),
        ({"key": "", "request": {"labels": {"gemchain_prompt": "p2"}}}, "p2"),
        ({"key": 5, "request": {"labels": {"other": "p2"}}}, None),
        ({"key": None, "request": {"labels": None}}, None),
        ({"key": ["p1"], "request": "text"}, None),
    ],
)
def test_a_row_is_named_by_its_key_else_by_its_label(fields, prompt_id):
    assert read_row(line(response=BODY, **fields)).prompt_id == prompt_id


def test_an_empty_status_and_an_empty_response_is_an_empty_answer_not_an_error():
    assert read_row(line(status="", response={})) == (None, None, {}, None, "batch")


def test_a_status_with_json_inside_is_an_error_in_the_words_of_the_service():
    error = {"code": 400, "message": "Please use a valid role.", "status": "INVALID_ARGUMENT"}
    status = "Bad Request: " + json.dumps({"error": error})
    row = read_row(line(key="p1", request=REQUEST, status=status, response={}))
    assert row.prompt_id == "p1"
    assert row.body is None
    assert row.failure.reason == "error"
    assert row.failure.message == "400 INVALID_ARGUMENT: Please use a valid role."
    assert not row.failure.retryable


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        ({"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED"}, True),
        ({"code": 500, "message": "oops"}, True),
        ({"code": 503}, True),
        ({"code": 504, "message": "late", "status": "DEADLINE_EXCEEDED"}, True),
        ({"code": 14, "message": "grpc"}, True),
        ({"code": 8, "message": "grpc"}, True),
        ({"code": "429", "message": "as text"}, True),
        ({"code": 400, "message": "bad"}, False),
        ({"code": 403, "message": "no", "status": "PERMISSION_DENIED"}, False),
        ({"code": 404, "message": "where"}, False),
        ({"code": 3, "message": "grpc"}, False),
        ({"code": 7, "message": "grpc"}, False),
        ({"message": "Permission denied on gs://b/o"}, False),
        ({"message": "try later"}, True),
        ({"error": {"code": 400, "message": "inside"}}, False),
        ("Deadline expired before operation could complete.", True),
        ("Bad Request: the role is wrong", False),
        ("{ not json", True),
        ("Internal error {", True),
    ],
)
def test_errors_are_sorted_into_passing_and_final(error, retryable):
    failure = classify(error)
    assert failure.retryable is retryable
    assert failure.message


def test_a_row_with_an_error_object_is_an_error():
    row = read_row(line(key="p1", error={"code": 503, "message": "busy", "status": "UNAVAILABLE"}))
    assert (row.prompt_id, row.body, row.failure.message) == ("p1", None, "503 UNAVAILABLE: busy")


@given(st.binary())
def test_any_bytes_are_a_row_or_a_value_error(data):
    with contextlib.suppress(ValueError):
        read_row(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "status", "code", "message", "labels", "gemchain_prompt", "details"])
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)
FIELDS = st.sampled_from(["key", "request", "status", "response", "error", "processed_time"])


@given(st.dictionaries(FIELDS, JSON, max_size=6))
def test_any_json_is_a_row_or_a_value_error(fields):
    try:
        row = read_row(json.dumps(fields).encode())
    except ValueError:
        return
    assert (row.body is None) is not (row.failure is None)
    assert row.prompt_id is None or isinstance(row.prompt_id, str)
