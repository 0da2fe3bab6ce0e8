"""Bad input: one clear line, exit code 2, and nothing is recorded or sent."""

import sqlite3

import pytest

from gemchain.errors import BlobError, StoreFullError


@pytest.fixture
def refused(cli):
    """Run, and expect an error; returns what was printed on stderr."""

    def check(target=None, rows="rows.jsonl", output="out.jsonl", *more):
        if rows == "rows.jsonl" and not (cli.folder / rows).exists():
            cli.rows({"topic": "a"})
        done = cli.run(target, rows, output, *more)
        assert done.exit_code == 2, done.output
        assert "Traceback" not in done.stderr.partition("\n")[0]
        assert not (cli.folder / "out.jsonl").exists()
        return done.stderr

    return check


def test_a_missing_input_file_is_refused(refused):
    assert "there is no input file 'nope.jsonl'" in refused(rows="nope.jsonl")


def test_an_input_that_is_a_folder_is_refused(cli, refused):
    (cli.folder / "folder").mkdir()
    assert "cannot read 'folder': Is a directory" in refused(rows="folder")


def test_a_broken_line_is_named_by_its_number(cli, refused):
    cli.rows({"topic": "a"}, "", '{"topic": ')
    said = refused()
    assert "rows.jsonl, line 3, column 10 is not JSON" in said
    assert '{"topic":' in said
    assert not (cli.folder / ".gemchain").exists()


def test_a_line_that_is_not_utf_8_is_refused(cli, refused):
    (cli.folder / "rows.jsonl").write_bytes(b'{"topic": "\xff"}\n')
    assert "line 1, column 12 is not JSON: a character is not UTF-8" in refused()


@pytest.mark.parametrize(
    ("line", "kind"), [("[1]", "a list"), ('"a"', "a text"), ("null", "null"), ("3", "3")]
)
def test_a_row_that_is_not_an_object_is_refused(cli, refused, line, kind):
    cli.rows({"topic": "a"}, line)
    assert f"line 2 is {kind}; every line must be a JSON object" in refused()


def test_a_missing_field_is_reported_with_the_row_and_a_similar_field(cli, refused):
    cli.rows({"topic": "a"}, {"topc": "b"})
    assert (
        "row 2 (line 2) has no field 'topic', which start() needs; did you mean that by 'topc'?" in refused()
    )
    assert not (cli.folder / ".gemchain").exists()


def test_a_field_that_the_function_does_not_take_is_refused(cli, refused):
    cli.rows({"topic": "a", "colour": "red"})
    assert "row 1 (line 1) has a field 'colour', which start() does not take; it takes topic" in refused()


def test_different_rows_with_the_same_id_are_refused(cli, refused):
    cli.rows({"id": "x", "topic": "a"}, {"id": "y", "topic": "a"}, {"id": "x", "topic": "b"})
    assert "rows.jsonl, rows 1 and 3 (lines 1 and 3) differ but have the same id 'x'" in refused()


@pytest.mark.parametrize("wrong", [None, "", 1.5, True, ["a"]])
def test_an_invalid_id_is_refused(cli, refused, wrong):
    cli.rows({"id": wrong, "topic": "a"})
    assert f"has {wrong!r} as its id" in refused()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2\n3,4\n", "rows.csv, line 1, column 1 has '1': a CSV file must begin with a header"),
        ("topic,topic\na,b\n", "line 1, column 7 has 'topic' twice"),
        ("\na\n", "line 1 is empty"),
        ("topic\na,b\n", "line 2, column 3: the record has 2 fields; the header names 1"),
        ('topic\na\n"a\n', "rows.csv, line 3, column 1: this quote is never closed"),
        ("apples are red\npears are green\n", "must begin with a header"),
    ],
)
def test_a_csv_file_without_a_header_or_with_a_broken_line_is_refused(cli, refused, text, said):
    (cli.folder / "rows.csv").write_text(text)
    assert said in refused(rows="rows.csv")


def test_a_target_without_a_function_is_refused(refused):
    assert "'chains.py' is not FILE:FUNCTION" in refused("chains.py")


def test_a_missing_file_is_reported_with_a_similar_name(cli, refused):
    name = cli.module()
    wrong = name.replace("chain_", "chian_")
    assert f"there is no file '{wrong}'; did you mean '{name}'?" in refused(f"{wrong}:start")
    assert f"did you mean '{name}'?" in refused(f"{name.removesuffix('.py')}:start")


def test_an_unknown_function_is_reported_with_similar_names(cli, refused):
    name = cli.module()
    assert f"{name} has no function 'strat'; did you mean 'start'?" in refused(f"{name}:strat")
    assert "there are start, middle, finish" in refused(f"{name}:xyzzy")


def test_a_target_that_is_not_a_function_is_refused(cli, refused):
    assert "'MODEL'" in refused(f"{cli.module()}:MODEL")
    assert "not a function but a str" in refused(f"{cli.module()}:MODEL")


def test_an_async_function_without_the_decorator_is_refused(cli, refused):
    assert "an async chain needs @gemchain.chain" in refused(
        f"{cli.module('async def start(topic): ...')}:start"
    )


def test_a_file_that_raises_when_imported_shows_the_last_lines(cli, refused):
    name = cli.module("def helper():\n    return 1 / 0\n\nhelper()\n")
    said = refused(f"{name}:start")
    assert f"{name} raised ZeroDivisionError when it was imported" in said
    assert "return 1 / 0" in said
    assert "importlib" not in said


def test_a_file_with_a_syntax_error_shows_the_line(cli, refused):
    said = refused(f"{cli.module('def start(topic:')}:start")
    assert "SyntaxError" in said
    assert "def start(topic:" in said


def test_a_file_that_ends_the_program_when_imported_is_refused(cli, refused):
    assert "__main__" in refused(f"{cli.module('raise SystemExit(3)')}:start")


def test_a_file_whose_name_is_taken_or_is_not_a_python_name_is_refused(cli, refused):
    (cli.folder / "json.py").write_text("def start(topic): ...\n")
    assert "the name 'json' is taken by" in refused("json.py:start")
    (cli.folder / "my-chain.py").write_text("def start(topic): ...\n")
    assert "'my-chain' is no Python name; rename it" in refused("my-chain.py:start")


def test_when_the_function_raises_the_row_is_named(cli, refused):
    cli.rows({"topic": "b"}, {"topic": "b"})
    name = cli.module(
        "def start(topic):\n    if topic == 'b':\n        raise KeyError('size')\n    return topic\n"
    )
    said = refused(f"{name}:start")
    assert "row 1 (line 1): start() raised KeyError: 'size'" in said
    assert "raise KeyError('size')" in said


def test_when_a_submit_is_invalid_the_row_is_named(cli, refused):
    name = cli.module(**{"simulated/gemini-3.5-flash-lite": "simulatd/echo"})
    assert "row 1 (line 1): no provider serves the model 'simulatd/echo'" in refused(f"{name}:start")


def test_an_output_that_cannot_be_written_is_refused(cli, refused):
    assert "there is no folder 'nowhere'" in refused(output="nowhere/out.jsonl")
    assert "is a folder" in refused(output=".")
    assert "is the input" in refused(output="./rows.jsonl")


def test_a_database_of_a_newer_gemchain_is_refused(cli, refused):
    cli.rows({"topic": "a"})
    assert cli.run().exit_code == 0
    (cli.folder / "out.jsonl").unlink()
    database = sqlite3.connect(cli.folder / ".gemchain" / "gemchain.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    assert "upgrade gemchain" in refused()
    status = cli("status")
    assert (status.exit_code, "upgrade gemchain" in status.stderr) == (2, True)


def test_a_state_folder_that_cannot_be_created_is_refused(cli, refused):
    (cli.folder / "file").touch()
    assert "cannot be used" in refused(None, "rows.jsonl", "out.jsonl", "--state", "file/state")


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("gemchain.stores.sqlite.SqliteStore.plan", StoreFullError("the disk is full")),
        ("gemchain.blobs.local.LocalBlobs.writer", BlobError("no space left on device")),
        ("gemchain.cli.run.results._lines", OSError(28, "No space left on device")),
    ],
)
def test_a_full_disk_stops_with_code_3_and_the_same_command_continues(cli, monkeypatch, place, error):
    cli.rows({"topic": "a"})
    target = f"{cli.module()}:start"

    def fail(*args, **kwargs):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(place, fail)
        done = cli.run(target)
    assert done.exit_code == 3
    assert "Continue with:" in done.stderr
    assert not list(cli.folder.glob("*out.jsonl*"))
    assert cli.run(target).exit_code == 0
    assert cli.results()[0]["state"] == "DONE"


def test_debug_shows_the_traceback(cli):
    done = cli.run(None, "nope.jsonl", "out.jsonl", "--debug")
    assert type(done.exception).__name__ == "InvalidInputError"


def test_a_file_that_configures_another_state_than_the_command_line_is_refused(cli, refused):
    name = cli.module("import gemchain\ngemchain.configure(state='mine')\ndef start(topic): ...\n")
    assert "leave one out" in refused(f"{name}:start", "rows.jsonl", "out.jsonl", "--state", "yours")
