"""Whatever an output file holds: its batch's prompts end with a reason, and nobody else's are touched."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemchain.blobs.local import LocalBlobs
from gemchain.engine.callback_retries import retry_callbacks
from gemchain.engine.rows.lines import LONGEST, read_lines
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import dispatch
from gemchain.engine.stages.sweep import sweep
from gemchain.formats.gemini.finish_reasons import judge
from gemchain.formats.gemini.rows import read_row
from gemchain.formats.gemini.usage import usage as token_counts
from gemchain.formats.response import Response
from gemchain.money.prices import usage
from gemchain.records import OutputFile
from gemchain.testing import VirtualClock
from tests.apps import stages
from tests.support.fuzzing import JSON_TEXTS, TEXTS, fuzz
from tests.support.stand import standing

LEAVES = st.one_of(TEXTS, st.integers(), st.floats(allow_nan=False), st.booleans(), st.none())
ANY_JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.sampled_from(["__proto__", "text", "parts", "code"]), st.text(max_size=5)), inner
        ),
    ),
    max_leaves=12,
)
FIELDS = st.sampled_from([
    *("key", "request", "status", "response", "error", "candidates", "content", "parts", "text"),
    "finishReason",
    *("promptFeedback", "blockReason", "usageMetadata", "promptTokenCount", "candidatesTokenCount", "labels"),
    *("gemchain_prompt", "message", "code", "details", "thought"),
])  # fmt: skip
SHAPED = st.recursive(ANY_JSON, lambda inner: st.dictionaries(FIELDS, inner, max_size=6), max_leaves=10)
BYTES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([each.encode() for each in JSON_TEXTS]),
    st.sampled_from([b'{"key":"\\ud800"}', b"\xff\xfe", b"\x00"]),
    st.just(b'{"response":' + b"[" * 900 + b"]" * 900 + b"}"),
    SHAPED.map(lambda value: orjson.dumps(value, default=str) if _fits(value) else b"{}"),
)  # fmt: skip


def _fits(value):
    try:
        orjson.dumps(value)
    except TypeError:  # surrogates, and numbers that JSON of 64 bits has not
        return False
    return True


@fuzz(100)
@given(BYTES)
def test_a_line_is_a_row_or_a_value_error_and_nothing_else(line):
    try:
        row = read_row(line)
    except ValueError:
        return
    if row.failure is not None:
        assert len(row.failure.message) < 10_000
    if row.body is not None:
        judge(row.body)
        response = Response(row.body)
        assert isinstance(response.text, str)
        spent = usage("gemini-3.5-flash-lite", token_counts(row.body))
        assert all(0 <= each < 1e15 for each in spent)


@fuzz(15)
@given(st.data())
def test_every_prompt_of_a_batch_ends_whatever_its_output_holds(tmp_path_factory, data):
    clock = VirtualClock()
    with standing(tmp_path_factory.mktemp("files"), clock, callback_attempts=2) as stand:
        others = stand.submit("somebody else's", model="other", callback=stages.take)
        ids = stand.submit("a", "b", "c", callback=stages.take)
        stand.sent_all()
        (batch,) = [each for each in stand.store.open_batches() if each.model != "other"]
        good = list(stand.provider.rows(batch).values())
        lines = data.draw(st.lists(st.one_of(BYTES, st.sampled_from(good)), max_size=8), label="lines")
        stolen = data.draw(st.lists(st.sampled_from([*ids, *others, "p0", ""]), max_size=3), label="named")
        lines += [orjson.dumps({"key": each, "response": data.draw(ANY_DICT)}) for each in stolen]
        stand.provider.land(batch, [line.replace(b"\n", b"") for line in lines])
        collect(stand.runtime)
        list(dispatch(stand.runtime))
        for _ in range(4):
            clock.advance(700)
            retry_callbacks(stand.runtime)
            sweep(stand.runtime)
        assert not {"CLAIMED", "WAITING"} & set(stand.states(ids))
        assert stand.states(others) == ["CLAIMED"], "a row of one batch says nothing of another's prompts"


ANY_DICT = st.dictionaries(FIELDS, ANY_JSON, max_size=4).filter(_fits)


@pytest.mark.parametrize("depth", [200, 255, 500, 1000, 1023])
@pytest.mark.parametrize("place", ["response", "error", "status", "request"])
def test_depth_stops_no_dispatch(tmp_path, clock, depth, place):
    with standing(tmp_path, clock) as stand:
        (deep, fine) = stand.submit("a", "b", callback=stages.take)
        batch = stand.sent()
        rows = stand.provider.rows(batch)
        bomb = f'{{"key":"{deep}","{place}":{"[" * depth}{"]" * depth}}}'.encode()
        nested = b'{"request":' + b'{"a":' * (depth - 1) + b"1" + b"}" * (depth - 1) + b',"response":{}}'
        stand.provider.land(batch, [bomb, nested, rows[fine]])
        collect(stand.runtime)
        list(dispatch(stand.runtime))
        assert stand.states([fine]) == ["DONE"]
        assert stand.states([deep])[0] in ("QUEUED", "FAILED", "PARKED", "ANSWERED")


def test_a_line_without_end_is_passed_over_and_takes_no_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("gemchain.engine.rows.lines.LONGEST", 1 << 10)
    monkeypatch.setattr("gemchain.engine.rows.lines.CHUNK", 64)
    assert LONGEST > 100 << 20
    blobs = LocalBlobs(tmp_path)
    data = b"first\n" + b"x" * 5000 + b"\nlast\n" + b"y" * 5000
    info = blobs.put("output.jsonl", data)
    lines = list(read_lines(blobs, OutputFile(*info), 0, info.size))
    assert [len(line) <= 1 << 10 for _, line in lines] == [True] * 4
    assert [line for _, line in lines if line in (b"first", b"last")] == [b"first", b"last"]
    assert [offset for offset, _ in lines] == [0, 6, 5007, 5012]
