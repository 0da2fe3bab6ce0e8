"""What `gemchain run` may replace: earlier results of the same run, and nothing else."""

import json
from pathlib import Path

import pytest

TOPICS = [{"topic": f"Number {number} is a number. It is whole."} for number in range(4)]
ADVICE = "is no earlier result of this function with this input. Name another file, or say --overwrite"


@pytest.fixture
def target(cli):
    cli.rows(*TOPICS)
    return f"{cli.module()}:start"


@pytest.fixture
def out(cli):
    return cli.folder / "out.jsonl"


def refused(cli, *arguments):
    done = cli.run(*arguments)
    assert done.exit_code == 2, done.stdout
    return done.stderr


def test_a_file_with_other_content_is_not_replaced_and_nothing_is_started(cli, target, out):
    out.write_text("my notes\n")
    assert ADVICE in refused(cli, target)
    assert out.read_text() == "my notes\n"
    assert not (cli.folder / ".gemchain").exists()
    assert cli.run(target, "rows.jsonl", "out.jsonl", "--overwrite").exit_code == 0
    assert len(cli.results()) == 4


def test_the_same_command_replaces_its_own_result_also_without_a_record(cli, target):
    for name in ("out.jsonl", "out.csv", "out.json", "out.jsonl.gz", "out.csv.gz", "out.parquet"):
        assert cli.run(target, output=name).exit_code == 0
        first = (cli.folder / name).read_bytes()
        for forgets in (False, True):
            if forgets:
                forget_records(cli)
            again = cli.run(target, output=name)
            assert again.exit_code == 0, (name, forgets, again.stderr)
            assert (cli.folder / name).read_bytes() == first


def forget_records(cli):
    records = list((cli.folder / ".gemchain" / "outputs").iterdir())
    assert records
    for each in records:
        each.unlink()


def test_results_of_another_function_or_of_other_rows_are_not_replaced(cli, target, out):
    cli.run(target)
    before = out.read_bytes()
    assert ADVICE in refused(cli)  # the same function in another file
    cli.rows({"topic": "Another."}, name="others.jsonl")
    assert ADVICE in refused(cli, target, "others.jsonl")
    assert out.read_bytes() == before


def test_a_result_that_a_person_has_changed_is_not_replaced(cli, target, out):
    cli.run(target)
    out.write_text(out.read_text() + json.dumps({"note": "checked by hand"}) + "\n")
    assert ADVICE in refused(cli, target)


@pytest.mark.parametrize("place", [0, 2, 4])
def test_after_rows_were_added_the_result_is_replaced_also_without_a_record(cli, place):
    rows = [{"id": str(number), **row} for number, row in enumerate(TOPICS)]
    target = f"{cli.module()}:start"
    cli.rows(*rows)
    cli.run(target)
    forget_records(cli)
    cli.rows(*rows[:place], {"id": "new", "topic": "One more."}, *rows[place:])
    done = cli.run(target)
    assert done.exit_code == 0, done.stderr
    assert len(cli.results()) == 5


def test_an_edited_input_is_the_same_input(cli, target):
    cli.run(target)
    cli.rows({"topic": "All rows are others."})
    assert cli.run(target).exit_code == 0
    assert len(cli.results()) == 1


def test_a_crash_between_the_record_and_the_new_name_leaves_a_file_that_is_known(cli, target, monkeypatch):
    cli.run(target)
    cli.rows({"topic": "All rows are others."})

    real = Path.replace

    def replace(path, to):
        if Path(to).name == "out.jsonl":
            raise KeyboardInterrupt
        real(path, to)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace)
        assert cli.run(target).exit_code == 130
    assert len(cli.results()) == 4
    assert cli.run(target).exit_code == 0
    assert len(cli.results()) == 1


def test_an_empty_file_may_be_replaced(cli, target, out):
    out.touch()
    assert cli.run(target).exit_code == 0
    assert len(cli.results()) == 4


@pytest.mark.parametrize(
    ("name", "content"),
    [("out.csv", "hello\n"), ("out.csv", "chain\n"), ("out.parquet", "x"), ("out.json", "{}")],
)
def test_files_of_other_content_are_recognised_in_every_format(cli, target, name, content):
    (cli.folder / name).write_text(content)
    assert ADVICE in refused(cli, target, "rows.jsonl", name)


def test_a_link_to_the_input_is_refused(cli, target):
    (cli.folder / "out.jsonl").hardlink_to(cli.folder / "rows.jsonl")
    assert "is the input" in refused(cli, target)


def test_fewer_rows_by_a_limit_do_not_replace_all_results(cli, target):
    cli.run(target)
    assert ADVICE in refused(cli, target, "rows.jsonl", "out.jsonl", "--limit", "2")
    assert len(cli.results()) == 4


def test_only_the_first_rows_are_run_and_the_others_later(cli, target):
    done = cli("run", target, "-i", "rows.jsonl", "-o", "out.jsonl", "--limit", "3", "--json")
    assert json.loads(done.stdout)["rows"] == 3
    assert len(cli.results()) == len(cli.json("chains")) == 3
    done = cli("run", target, "-i", "rows.jsonl", "-o", "out.jsonl", "--json")
    assert json.loads(done.stdout)["started"] == 1
    assert len(cli.results()) == 4


def test_an_unknown_ending_is_refused_before_anything_starts(cli, target):
    for name in ("rows.txt", "rows.parquet"):
        (cli.folder / name).write_text('{"topic": "a"}\n')
    for rows, output, more, said in (
        ("rows.txt", "out.jsonl", [], "--input 'rows.txt': the ending '.txt' is unknown; end it in .jsonl"),
        ("rows.jsonl", "out.tsv", [], "--output 'out.tsv': the ending '.tsv' is unknown; end it in .jsonl"),
        ("rows.jsonl", "out", [], "--output 'out': it has no ending that tells its format"),
        ("rows.jsonl", "out.csv", ["--format", "csv"], "the endings of 'rows.jsonl' and 'out.csv' decide"),
        ("rows.jsonl", "out", ["--format", "xml"], "--format takes jsonl, csv, json or parquet"),
        ("rows.parquet", "out.csv", [], "--input 'rows.parquet': parquet is not read here"),
    ):
        assert said in refused(cli, target, rows, output, *more)
        assert not (cli.folder / ".gemchain").exists()


def test_a_format_that_is_given_holds_for_unknown_endings(cli, target):
    (cli.folder / "rows.txt").write_text("topic\nApples are red.\n")
    done = cli.run(target, "rows.txt", "out.txt", "--format", "csv:json")
    assert done.exit_code == 0, done.stderr
    (row,) = json.loads((cli.folder / "out.txt").read_text())
    assert row["result"]["topic"] == "Apples are red."


def test_without_an_output_the_message_says_what_to_name(cli, target):
    done = cli("run", target, "-i", "rows.jsonl")
    assert done.exit_code == 2
    assert "name a file for the results" in done.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("out.jsonl", ""),
        ("out.json", "[]\n"),
        ("out.csv", "id,chain,state,result,error_reason,error_message\n"),
    ],
)
def test_an_empty_input_leaves_an_empty_output_and_says_so(cli, target, name, content):
    cli.rows()
    done = cli.run(target, output=name)
    assert done.exit_code == 0
    assert f"Nothing to do: the input has no rows, so {name} has none either." in done.stdout
    assert (cli.folder / name).read_text() == content


def test_csv_results_hold_no_formula_and_errors_in_columns(cli):
    cli.rows(
        {"id": "=1+1", "topic": "=cmd|' /C calc'!A0"}, {"id": "b", "topic": "-5"}, {"id": "c", "topic": "bad"}
    )
    source = "import gemchain\ndef start(topic):\n"
    source += "    gemchain.submit('x', 'simulated/echo', end, params={'t': topic})\n"
    source += "def end(response, t):\n    if t == 'bad':\n        raise ValueError('=no')\n    return t\n"
    assert cli.run(f"{cli.module(source)}:start", output="out.csv").exit_code == 1
    lines = (cli.folder / "out.csv").read_text().splitlines()
    assert lines[1].startswith("'=1+1,")
    assert lines[1].endswith(",DONE,'=cmd|' /C calc'!A0,,")
    assert lines[2].endswith(",DONE,-5,,")
    assert lines[3].endswith(",FAILED,,callback,ValueError: =no")
