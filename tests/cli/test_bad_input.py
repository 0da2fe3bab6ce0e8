"""Bad input gets one clear line, exit code 2, and nothing is recorded or sent."""

import sqlite3

import pytest

from gemchain.errors import BlobError, StoreFullError


@pytest.fixture
def refused(shop):
    """Run, and expect to be refused with a line; returns that line."""

    def check(target=None, rows="rows.jsonl", output="out.jsonl", *more):
        if rows == "rows.jsonl" and not (shop.folder / rows).exists():
            shop.rows({"topic": "a"})
        done = shop.run(target, rows, output, *more)
        assert done.exit_code == 2, done.output
        assert "Traceback" not in done.stderr.partition("\n")[0]
        assert not (shop.folder / "out.jsonl").exists()
        return done.stderr

    return check


def test_a_missing_input_file(refused):
    assert "there is no input file 'nope.jsonl'" in refused(rows="nope.jsonl")


def test_an_input_that_is_a_folder(shop, refused):
    (shop.folder / "folder").mkdir()
    assert "cannot read 'folder': Is a directory" in refused(rows="folder")


def test_a_broken_line_is_named_by_its_number(shop, refused):
    shop.rows({"topic": "a"}, "", '{"topic": ')
    said = refused()
    assert "rows.jsonl, line 3 is not JSON" in said
    assert '{"topic":' in said
    assert not (shop.folder / ".gemchain").exists()


def test_a_line_that_is_not_utf_8(shop, refused):
    (shop.folder / "rows.jsonl").write_bytes(b'{"topic": "\xff"}\n')
    assert "line 1 is not JSON" in refused()


@pytest.mark.parametrize(
    ("line", "kind"), [("[1]", "a list"), ('"a"', "a text"), ("null", "null"), ("3", "3")]
)
def test_a_row_that_is_no_object(shop, refused, line, kind):
    shop.rows({"topic": "a"}, line)
    assert f"line 2 is {kind}; every line must be a JSON object" in refused()


def test_a_missing_field_names_the_row_and_what_it_might_have_been(shop, refused):
    shop.rows({"topic": "a"}, {"topc": "b"})
    assert (
        "row 2 (line 2) has no field 'topic', which start() needs; did you mean that by 'topc'?" in refused()
    )
    assert not (shop.folder / ".gemchain").exists()


def test_a_field_that_the_function_does_not_take(shop, refused):
    shop.rows({"topic": "a", "colour": "red"})
    assert "row 1 (line 1) has a field 'colour', which start() does not take; it takes topic" in refused()


def test_different_rows_under_one_id(shop, refused):
    shop.rows({"id": "x", "topic": "a"}, {"id": "y", "topic": "a"}, {"id": "x", "topic": "b"})
    assert "rows 1 and 3 (lines 1 and 3) differ but have the same id 'x'" in refused()


@pytest.mark.parametrize("wrong", [None, "", 1.5, True, ["a"]])
def test_an_id_that_is_none(shop, refused, wrong):
    shop.rows({"id": wrong, "topic": "a"})
    assert f"has {wrong!r} as its id" in refused()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2\n3,4\n", "line 1 has '1': a CSV file must begin with a header"),
        ("topic,topic\na,b\n", "line 1 has 'topic' twice"),
        ("\na\n", "line 1 is empty"),
        ("topic\na,b\n", "line 2 has 2 fields; the header names 1"),
        ('topic\n"a\n', "is not CSV"),
        ("apples are red\npears are green\n", "must begin with a header"),
    ],
)
def test_a_csv_file_without_a_header_or_with_a_broken_line(shop, refused, text, said):
    (shop.folder / "rows.csv").write_text(text)
    assert said in refused(rows="rows.csv")


def test_a_target_without_a_function(refused):
    assert "'chains.py' is not FILE:FUNCTION" in refused("chains.py")


def test_a_missing_file_with_a_near_name(shop, refused):
    name = shop.module()
    wrong = name.replace("chain_", "chian_")
    assert f"there is no file '{wrong}'; did you mean '{name}'?" in refused(f"{wrong}:start")
    assert f"did you mean '{name}'?" in refused(f"{name.removesuffix('.py')}:start")


def test_an_unknown_function_suggests_near_names(shop, refused):
    name = shop.module()
    assert f"{name} has no function 'strat'; did you mean 'start'?" in refused(f"{name}:strat")
    assert "there are start, middle, finish" in refused(f"{name}:xyzzy")


def test_a_function_that_is_none(shop, refused):
    assert "'MODEL'" in refused(f"{shop.module()}:MODEL")
    assert "not a function but a str" in refused(f"{shop.module()}:MODEL")


def test_a_function_that_is_async(shop, refused):
    assert "an async chain needs @gemchain.chain" in refused(
        f"{shop.module('async def start(topic): ...')}:start"
    )


def test_a_file_that_raises_when_imported_shows_the_last_lines(shop, refused):
    name = shop.module("def helper():\n    return 1 / 0\n\nhelper()\n")
    said = refused(f"{name}:start")
    assert f"{name} raised ZeroDivisionError when it was imported" in said
    assert "return 1 / 0" in said
    assert "importlib" not in said


def test_a_file_with_a_syntax_error_shows_the_line(shop, refused):
    said = refused(f"{shop.module('def start(topic:')}:start")
    assert "SyntaxError" in said
    assert "def start(topic:" in said


def test_a_file_that_ends_the_program_when_imported(shop, refused):
    assert "__main__" in refused(f"{shop.module('raise SystemExit(3)')}:start")


def test_a_file_whose_name_is_taken_or_is_no_name(shop, refused):
    (shop.folder / "json.py").write_text("def start(topic): ...\n")
    assert "the name 'json' is taken by" in refused("json.py:start")
    (shop.folder / "my-chain.py").write_text("def start(topic): ...\n")
    assert "'my-chain' is no Python name; rename it" in refused("my-chain.py:start")


def test_a_starting_function_that_raises_names_the_row(shop, refused):
    shop.rows({"topic": "a"}, {"topic": "b"})
    name = shop.module(
        "def start(topic):\n    if topic == 'b':\n        raise KeyError('size')\n    return topic\n"
    )
    said = refused(f"{name}:start")
    assert "row 2 (line 2): start() raised KeyError: 'size'" in said
    assert "raise KeyError('size')" in said


def test_a_submit_that_can_never_work_names_the_row(shop, refused):
    name = shop.module(**{"simulated/gemini-3.5-flash-lite": "simulatd/echo"})
    assert "row 1 (line 1): no provider serves the model 'simulatd/echo'" in refused(f"{name}:start")


def test_an_output_that_cannot_be_written(shop, refused):
    assert "there is no folder 'nowhere'" in refused(output="nowhere/out.jsonl")
    assert "is a folder" in refused(output=".")
    assert "is the input" in refused(output="./rows.jsonl")


def test_a_database_of_a_newer_gemchain(shop, refused):
    shop.rows({"topic": "a"})
    assert shop.run().exit_code == 0
    (shop.folder / "out.jsonl").unlink()
    database = sqlite3.connect(shop.folder / ".gemchain" / "gemchain.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    assert "upgrade gemchain" in refused()
    status = shop("status")
    assert (status.exit_code, "upgrade gemchain" in status.stderr) == (2, True)


def test_a_state_folder_that_cannot_be_made(shop, refused):
    (shop.folder / "file").touch()
    assert "cannot be used" in refused(None, "rows.jsonl", "out.jsonl", "--state", "file/state")


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("gemchain.stores.sqlite.SqliteStore.plan", StoreFullError("the disk is full")),
        ("gemchain.blobs.local.LocalBlobs.writer", BlobError("no space left on device")),
        ("gemchain.cli.run.results._lines", OSError(28, "No space left on device")),
    ],
)
def test_a_full_disk_stops_with_code_3_and_the_same_command_continues(shop, monkeypatch, place, error):
    shop.rows({"topic": "a"})
    target = f"{shop.module()}:start"

    def fail(*args, **kwargs):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(place, fail)
        done = shop.run(target)
    assert done.exit_code == 3
    assert "Continue with:" in done.stderr
    assert not list(shop.folder.glob("*out.jsonl*"))
    assert shop.run(target).exit_code == 0
    assert shop.results()[0]["state"] == "DONE"


def test_debug_shows_the_traceback(shop):
    done = shop.run(None, "nope.jsonl", "out.jsonl", "--debug")
    assert type(done.exception).__name__ == "InvalidInputError"


def test_a_file_that_insists_on_another_state_than_the_command_line(shop, refused):
    name = shop.module("import gemchain\ngemchain.configure(state='mine')\ndef start(topic): ...\n")
    assert "leave one out" in refused(f"{name}:start", "rows.jsonl", "out.jsonl", "--state", "yours")
