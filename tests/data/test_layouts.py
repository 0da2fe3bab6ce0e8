"""Endings and `--format`."""

from pathlib import Path

import pytest

from gemchain.data.layouts import READ, WRITTEN, Formats, Layout, formats_of, known_layout, layout_of
from gemchain.errors import InvalidInputError


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("a.jsonl", Layout("jsonl")),
        ("a.ndjson", Layout("jsonl")),
        ("a.b.CSV", Layout("csv")),
        ("a.json.gz", Layout("json", gzip=True)),
        ("a.parquet", Layout("parquet")),
        ("a.parquet.gz", None),
        ("a.gz", None),
        ("a.txt", None),
        ("jsonl", None),
        ("-", None),
    ],
)
def test_the_ending_decides(name, layout):
    assert known_layout(Path(name)) == layout


def test_a_given_format_is_for_unknown_endings_only():
    given = Layout("csv")
    assert layout_of(Path("a.txt"), "--input", READ, given) == given
    assert layout_of(Path("a.jsonl"), "--input", READ, given) == Layout("jsonl")


@pytest.mark.parametrize(
    ("name", "allowed", "said"),
    [
        (
            "rows.xlsx",
            READ,
            "--input 'rows.xlsx': the ending '.xlsx' is unknown; end it in .jsonl, .csv or .json",
        ),
        (
            "rows",
            WRITTEN,
            "it has no ending that tells its format; end it in .jsonl, .csv, .json or .parquet",
        ),
        ("rows.parquet", READ, "parquet is not read here; end it in .jsonl, .csv or .json"),
    ],
)
def test_an_unknown_ending_is_refused_with_the_known_ones(name, allowed, said):
    with pytest.raises(InvalidInputError) as error:
        layout_of(Path(name), "--input", allowed, None)
    assert said in str(error.value)
    assert "--format" in str(error.value)


def test_one_format_is_for_both_sides_and_two_are_for_one_each():
    assert formats_of(None) == Formats()
    assert formats_of("csv") == Formats(Layout("csv"), Layout("csv"))
    assert formats_of("csv:jsonl.gz") == Formats(Layout("csv"), Layout("jsonl", gzip=True))


@pytest.mark.parametrize("text", ["", "xml", "csv:", "parquet:csv", "a.csv.b"])
def test_an_unknown_format_is_refused(text):
    with pytest.raises(InvalidInputError, match="--format takes"):
        formats_of(text)
