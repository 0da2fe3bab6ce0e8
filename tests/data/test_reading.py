"""Rows of JSONL, CSV and JSON files: read one at a time, errors with file, line and column."""

import gzip
import io
import json
import tracemalloc
from pathlib import Path

import pytest

from gemchain.data import json_list
from gemchain.data.inputs import Input, opened_input
from gemchain.data.layouts import Layout, known_layout
from gemchain.errors import InvalidInputError


def packed(content):
    return gzip.compress(content, mtime=0)


@pytest.fixture
def read(tmp_path):
    def rows(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return list(Input(path, known_layout(path), name).rows())

    return rows


@pytest.fixture
def error_of(read):
    def message(name, content):
        with pytest.raises(InvalidInputError) as error:
            read(name, content)
        return str(error.value)

    return message


SAME = [{"a": 'x, "y"\nz'}, {"a": "é"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", "\ufeff" + "\n\n".join(map(json.dumps, SAME))),
        ("rows.ndjson", "\n".join(map(json.dumps, SAME)) + "\n"),
        ("rows.JSON", "\ufeff \n" + json.dumps(SAME, indent=2) + "\n"),
        ("rows.csv", '\ufeffa\n"x, ""y""\nz"\né\n'),
        ("rows.csv", 'a\r\n"x, ""y""\nz"\r\né'),
        ("rows.csv.gz", packed('a\n"x, ""y""\nz"\né\n'.encode())),
        ("rows.jsonl.gz", packed("\n".join(map(json.dumps, SAME)).encode())),
    ],
)
def test_all_formats_give_the_same_rows(read, name, content):
    rows = read(name, content)
    assert [row.fields for row in rows] == SAME
    assert [row.number for row in rows] == [1, 2]
    assert {row.file for row in rows} == {name}


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_an_empty_file_has_no_rows(read, name):
    assert read(name, "") == []


def test_an_empty_list_has_no_rows(read):
    assert read("rows.json", " [ ] ") == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("r.jsonl", '{"a": 1}\n{"a": tru}\n', "r.jsonl, line 2, column 7 is not JSON"),
        (
            "r.jsonl",
            b'{"a": 1}\n{"a": "\xc3\xa4\xff"}\n',
            "r.jsonl, line 2, column 9 is not JSON: a character",
        ),
        ("r.jsonl", '{"a": 1}\n[1]\n', "r.jsonl, line 2 is a list; every line must be"),
        ("r.csv", 'a,b\n"x",y\n"x"z,y\n', "r.csv, line 3, column 4 is not CSV"),
        ("r.csv", 'a,b\nx,"y\nmore\n', "r.csv, line 2, column 3: this quote is never closed"),
        (
            "r.csv",
            'a,b\n"x\n2",y,z\n',
            "r.csv, line 3, column 6: the record has 3 fields; the header names 2",
        ),
        ("r.csv", "a,b\nx,y\nx\n", "r.csv, line 3, column 1: the record has 1 fields, this is the last"),
        ("r.csv", b"a,b\nx,y\nx,\xc3\xa4\xff\n", "r.csv, line 3, column 4: a character is not UTF-8"),
        ("r.csv", "a,1b\n", "r.csv, line 1, column 3 has '1b'"),
        ("r.json", '[{"a": 1},\n {"a": tru}]', "r.json, line 2, column 8 is not JSON"),
        ("r.json", '[{"a": 1},\n {"a": {"b": 1,}}]', "r.json, line 2, column 15 is not JSON"),
        (
            "r.json",
            '[{"a": 1}\n {"a": 2}]',
            "r.json, line 2, column 2: a comma or ] after an element is missing",
        ),
        ("r.json", '[{"a": 1},\n  7]', "r.json, line 2, column 3 is 7; every element must be"),
        ("r.json", '[{"a": 1}', "line 1, column 10: a comma or ] after an element is missing"),
        ("r.json", '[{"a": 1},', "line 1, column 11: the list is never closed by ]"),
        ("r.json", '[{"a": 1}]\n7', "line 2, column 1: something follows the end of the list"),
        ("r.json", '{"a": 1}', "r.json, line 1, column 1: a .json file holds one list of objects"),
        ("r.json", "", "r.json is empty; a .json file holds a list"),
        ("r.json", b'[{"a": "\xff"}]', "r.json is not UTF-8 after line 1"),
        ("r.jsonl.gz", b"no gzip", "r.jsonl.gz is no complete gzip file"),
        ("r.jsonl.gz", packed(b'{"a": 1}\n')[:-6], "r.jsonl.gz is no complete gzip file"),
    ],
)
def test_an_error_names_file_line_and_column(error_of, name, content, said):
    assert said in error_of(name, content)


@pytest.mark.parametrize("chunk", [1, 2, 7, 64])
def test_a_list_is_read_the_same_in_chunks_of_any_size(read, error_of, monkeypatch, chunk):
    monkeypatch.setattr(json_list, "CHUNK", chunk)
    values = [{"n": number, "text": 'ä\n"]},{[' * number, "deep": [{"x": None}]} for number in range(9)]
    rows = read("rows.json", json.dumps(values, indent=1))
    assert [row.fields for row in rows] == values
    lines = json.dumps(values, indent=1).splitlines()
    assert [lines[row.line - 1] for row in rows] == [" {"] * 9
    assert "line 3, column 7 is not JSON" in error_of("rows.json", '[{"a": 1},\n{"b":\n[1, 2 3]}, {"c": 4}]')


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.json"])
def test_memory_does_not_grow_with_the_file(tmp_path, name):
    path = tmp_path / name
    text = "x" * 500
    with path.open("w") as file:
        file.write({"rows.csv": "a\n", "rows.json": "["}.get(name, ""))
        for number in range(20_000):
            row = text if name == "rows.csv" else json.dumps({"a": text})
            file.write(("," if name == "rows.json" and number else "") + row + "\n")
        file.write("]" if name == "rows.json" else "")
    tracemalloc.start()
    try:
        assert sum(1 for _ in Input(path, known_layout(path), name).rows()) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_stream_is_copied_and_read_several_times_and_the_copy_goes(tmp_path):
    stream = io.BytesIO(b"a\nx\ny\n")
    with opened_input(path := tmp_path / "-", stream) as missing:
        assert missing.path == path  # only a bare - is standard input
    with opened_input(Path("-"), stream, Layout("csv")) as found:
        assert found.stream
        assert [[row.fields["a"] for row in found.rows()] for _ in range(2)] == [["x", "y"]] * 2
        copy = found.path
    assert not copy.exists()


def test_standard_input_is_jsonl_unless_something_else_is_said():
    with opened_input(Path("-"), io.BytesIO(b'{"a": 1}\n')) as found:
        assert [row.fields for row in found.rows()] == [{"a": 1}]
