"""Rows written as JSONL, JSON, CSV and Parquet: values, cells that are safe, empty files, atomic files."""

import csv
import gzip
import io
import json
import os
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from gemchain.data.columns import Column, JsonText, safe_cell
from gemchain.data.layouts import Layout, known_layout
from gemchain.data.outputs import Output, output_of
from gemchain.data.parquet import column_of, write_parquet
from gemchain.data.streams import is_stream, opened_for_writing
from gemchain.data.writers import write_rows
from gemchain.errors import BlobError, InvalidInputError, MissingExtraError

COLUMNS = (Column("id"), Column("result"), Column("why", path=("error", "reason")), Column("n", "integer"))
ROWS = [
    {"id": 1, "result": JsonText('{"a": [1, 123456789012345678901234567890]}'), "n": 3},
    {"id": "b", "result": JsonText('"text, \\"quoted\\"\\nand more"'), "n": None},
    {"id": "c", "error": {"reason": "blocked"}},
]


def written(layout, rows=ROWS):
    file = io.BytesIO()
    with write_rows(file, layout, COLUMNS) as write:
        for row in rows:
            write(row)
    return file.getvalue()


def test_jsonl_and_json_hold_the_rows_with_the_fields_that_each_has():
    lines = written(Layout("jsonl")).splitlines()
    assert [json.loads(line) for line in lines] == json.loads(written(Layout("json")))
    assert json.loads(lines[0])["result"]["a"][1] == 123456789012345678901234567890
    assert json.loads(lines[1]) == {"id": "b", "result": 'text, "quoted"\nand more', "n": None}
    assert json.loads(lines[2]) == {"id": "c", "error": {"reason": "blocked"}}


def test_csv_has_texts_as_they_are_and_other_values_as_json():
    rows = list(csv.reader(io.StringIO(written(Layout("csv")).decode(), newline="")))
    assert rows[0] == ["id", "result", "why", "n"]
    assert rows[2] == ["b", 'text, "quoted"\nand more', "", ""]
    assert rows[3] == ["c", "", "blocked", ""]
    assert rows[1][0] == "1"
    assert rows[1][3] == "3"


def test_parquet_has_the_kinds_of_its_columns(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(written(Layout("parquet")))
    table = pyarrow.parquet.read_table(path)
    assert [str(kind) for kind in table.schema.types] == ["string", "string", "string", "int64"]
    assert table["why"].to_pylist() == [None, None, "blocked"]
    assert list(column_of(path, "id")) == ["1", "b", "c"]
    with pytest.raises(ValueError, match="no column"):
        list(column_of(path, "nothing"))


def test_parquet_is_written_group_by_group(tmp_path, monkeypatch):
    monkeypatch.setattr("gemchain.data.parquet.GROUP", 2)
    with (path := tmp_path / "a.parquet").open("wb") as file, write_parquet(file, COLUMNS) as write:
        for number in range(5):
            write({"id": str(number)})
    assert pyarrow.parquet.ParquetFile(path).metadata.num_row_groups == 3
    assert list(column_of(path, "id")) == list("01234")


def test_equal_rows_make_equal_compressed_files():
    first = written(Layout("jsonl", gzip=True))
    assert first == written(Layout("jsonl", gzip=True))
    assert gzip.decompress(first) == written(Layout("jsonl"))


@pytest.mark.parametrize(
    ("name", "content"), [("jsonl", b""), ("json", b"[]\n"), ("csv", b"id,result,why,n\n")]
)
def test_no_rows_make_an_empty_file_of_the_format(name, content):
    assert written(Layout(name), []) == content


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0", "\uff1d1", "-1-1"],
)
def test_a_cell_that_a_spreadsheet_would_run_begins_with_a_quote(text):
    assert safe_cell(text) == f"'{text}"
    assert f"'{text}" in next(
        csv.reader(
            io.StringIO(written(Layout("csv"), [{"id": text}]).decode().partition("\n")[2], newline="")
        )
    )


@pytest.mark.parametrize("text", ["-5", "+4.2e-7", "a=1", "", "1-1", "'=1"])
def test_a_harmless_cell_stays_as_it_is(text):
    assert safe_cell(text) == text


@pytest.fixture
def output(tmp_path):
    path = tmp_path / "out.jsonl"
    return Output(path, known_layout(path))


def test_a_file_appears_whole_or_not_at_all(output):
    output.path.write_text("before\n")

    def write_and_fail():
        with output.writing(COLUMNS, io.BytesIO()) as write:
            write({"id": 1})
            assert output.path.read_text() == "before\n"
            raise OSError(28, "No space left on device")

    with pytest.raises(BlobError, match="No space left"):
        write_and_fail()
    assert output.path.read_text() == "before\n"
    assert list(output.path.parent.iterdir()) == [output.path]
    with output.writing(COLUMNS, io.BytesIO()) as write:
        write({"id": 1})
    assert output.path.read_text() == '{"id":1}\n'


def test_a_link_stays_and_the_file_it_leads_to_is_replaced(output, tmp_path):
    (tmp_path / "real.jsonl").write_text("before\n")
    output.path.symlink_to("real.jsonl")
    with output.writing(COLUMNS, io.BytesIO()) as write:
        write({"id": 1})
    assert output.path.is_symlink()
    assert (tmp_path / "real.jsonl").read_text() == '{"id":1}\n'


@pytest.mark.parametrize("name", ["-", "/dev/null", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_devices_and_names_of_open_files_are_streams(name):
    assert output_of(Path(name)).stream


def test_a_regular_file_is_no_stream_wherever_it_lies(tmp_path):
    path = tmp_path / "out.jsonl"
    assert not is_stream(path)
    path.touch()
    assert not is_stream(path)
    assert not output_of(path).stream


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        found = output_of(path)
        found.check_writable()
        with found.writing(COLUMNS, io.BytesIO()) as write:
            write({"id": 1})
        assert os.read(reader, 100) == b'{"id":1}\n'
        assert path.is_fifo()
    finally:
        os.close(reader)


def test_the_name_of_an_open_file_leads_to_that_opening(tmp_path):
    with (tmp_path / "log").open("wb") as log:
        log.write(b"before\n")
        log.flush()
        with opened_for_writing(Path(f"/dev/fd/{log.fileno()}")) as file:
            file.write(b"results\n")
        log.write(b"after\n")
    assert (tmp_path / "log").read_bytes() == b"before\nresults\nafter\n"


def test_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match=r"--output .*the ending '\.txt' is unknown"):
        output_of(tmp_path / "out.txt")


def test_parquet_without_pyarrow_is_refused_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gemchain\[parquet\]'"):
        output_of(tmp_path / "out.parquet")
