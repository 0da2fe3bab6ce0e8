"""An output file as Vertex writes it, from an input stream, in memory that does not grow."""

import tracemalloc
from collections import Counter

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemchain.formats.gemini.hashing import echo_hash
from gemchain.formats.gemini.rows import input_line, read_row
from gemchain.records import InputRow
from gemchain.simulated import output
from gemchain.simulated.faults import Draws, Faults
from gemchain.simulated.gemini import builtin
from gemchain.simulated.output import Simulation, lines_of, write_output

AT = "2026-07-29T15:23:47.171831+00:00"


def simulation(faults="", *, share=1.0, responder=builtin, **options):
    return Simulation(responder, "m", Draws(Faults.parse(faults), 0, "job"), AT, share, **options)


def asking(text="x", **fields):
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}


def lines(count=3, **fields):
    rows = (
        InputRow(f"p{row}", orjson.dumps(asking(f"What is {row}?", **fields)).decode())
        for row in range(count)
    )
    return b"".join(map(input_line, rows))


def written(data, how):
    pieces = []
    write_output([data], pieces.append, how)
    return b"".join(pieces).splitlines()


def test_a_row_has_the_fields_that_vertex_writes():
    row = orjson.loads(written(lines(1), simulation())[0])
    assert list(row) == ["request", "status", "response", "processed_time", "key"]
    assert (row["status"], row["processed_time"], row["key"]) == ("", AT, "p0")
    assert row["request"]["contents"] == asking("What is 0?")["contents"]
    candidate = row["response"]["candidates"][0]
    assert candidate["finishReason"] == "STOP"
    assert candidate["content"]["role"] == "model"
    assert {"createTime", "modelVersion", "responseId", "usageMetadata"} < set(row["response"])


def test_a_row_that_failed_has_a_status_and_an_empty_response():
    row = orjson.loads(written(lines(1), simulation("refused=1"))[0])
    assert row["response"] == {}
    assert orjson.loads(row["status"].partition(": ")[2])["error"]["code"] in {400, 403, 404}


@pytest.mark.parametrize("line", [b"nonsense", b"[]", b"{}", b'{"request": 5}'])
def test_an_input_line_that_is_no_request_becomes_a_row_with_an_error(line):
    failure = read_row(written(line + b"\n", simulation())[0]).failure
    assert "not a JSON object with a 'request'" in failure.message
    assert not failure.retryable


def test_the_echo_of_vertex_has_nulls_and_camel_case_and_the_same_hash():
    request = asking(
        generation_config={"response_mime_type": "text/plain"},
        system_instruction={"parts": [{"text": "Be short."}]},
    )
    request["contents"][0]["parts"].append({"file_data": {"file_uri": "gs://b/o", "mime_type": "image/png"}})
    line = input_line(InputRow("p1", orjson.dumps(request).decode()))
    echo = orjson.loads(written(line, simulation("nulls=1,keyless=1,unlabelled=1"))[0])
    assert "key" not in echo
    assert "labels" not in echo["request"]
    assert echo["request"]["cachedContent"] is None
    assert echo["request"]["generationConfig"] == {"responseMimeType": "text/plain"}
    assert echo["request"]["contents"][0]["parts"][1]["fileData"]["fileUri"] == "gs://b/o"
    assert echo_hash(echo["request"]) == echo_hash(request)


def test_a_service_that_does_not_echo_keys_leaves_them_out():
    row = orjson.loads(written(lines(1), simulation(echoes_key=False))[0])
    assert "key" not in row
    assert row["request"]["labels"] == {"gemchain_prompt": "p0"}


def test_a_job_that_ended_early_has_the_share_of_rows_that_it_finished():
    assert len(written(lines(1000), simulation(share=0.3))) == pytest.approx(300, abs=60)


def test_rows_are_shuffled_even_when_they_do_not_fit_into_memory_at_once(monkeypatch):
    monkeypatch.setattr(output, "MOST_HELD", 10_000)
    found = [read_row(line).prompt_id for line in written(lines(500), simulation())]
    assert found != [f"p{row}" for row in range(500)]
    assert Counter(found) == Counter(f"p{row}" for row in range(500))
    assert max(abs(place - int(each[1:])) for place, each in enumerate(found)) > 20


def test_the_same_job_writes_the_same_bytes():
    faults = "failed=0.2,missing=0.2,malformed=0.1,duplicated=0.3,nulls=0.5"
    assert written(lines(100), simulation(faults)) == written(lines(100), simulation(faults))


def test_memory_does_not_grow_with_the_input(monkeypatch):
    monkeypatch.setattr(output, "MOST_HELD", 1 << 20)
    row = input_line(InputRow("p1", orjson.dumps(asking("x" * 5000)).decode()))

    def peak(count):
        tracemalloc.start()
        write_output((row for _ in range(count)), len, simulation(responder=lambda request: "y"))
        reached = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return reached

    assert peak(4000) < 1.5 * peak(1000)


@given(st.lists(st.binary()), st.integers(1, 9))
def test_lines_do_not_depend_on_how_a_stream_is_cut(pieces, size):
    data = b"\n".join(pieces)
    cut = [data[start : start + size] for start in range(0, len(data), size)]
    assert list(lines_of(cut)) == [line for line in data.split(b"\n") if line.strip()]
