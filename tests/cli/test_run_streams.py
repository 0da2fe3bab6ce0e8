"""`gemchain run` on standard input and output, devices and pipes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GEMCHAIN = (sys.executable, "-c", "from gemchain.cli import main; main()")
ROWS = '{"topic": "Apples are red."}\n{"topic": "Pears are green."}\n'
LOUD = "\nprint('loud')\n"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such devices")


@pytest.fixture
def target(cli):
    cli.rows(*map(json.loads, ROWS.splitlines()))
    return f"{cli.module()}:start"


def process(cli, *words, **options):
    return subprocess.run(
        [*GEMCHAIN, *words], cwd=cli.folder, text=True, check=False, stderr=subprocess.PIPE, **options
    )


def topics(text):
    return [json.loads(line)["result"]["topic"] for line in text.splitlines()]


def test_standard_output_holds_the_results_alone_also_when_callbacks_print(cli, target):
    name = target.partition(":")[0]
    source = (cli.folder / name).read_text()
    (cli.folder / name).write_text(source.replace("    return {", "    print('loud')\n    return {") + LOUD)
    done = cli.run(target, output="-")
    assert done.exit_code == 0, done.stderr
    assert topics(done.stdout) == ["Apples are red.", "Pears are green."]
    assert "2 chains done" in done.stderr
    assert done.stderr.count("loud") == 3


def test_the_summary_as_json_goes_to_stderr_when_the_results_go_to_stdout(cli, target):
    done = cli.run(target, "rows.jsonl", "-", "--json", "--quiet")
    assert len(topics(done.stdout)) == 2
    assert json.loads(done.stderr)["states"] == {"DONE": 2}


@pytest.mark.parametrize("device", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the names are those of Linux")
def test_a_device_is_written_to_and_never_replaced(cli, target, device):
    link = Path("/dev/stdout").readlink()
    done = process(cli, "run", target, "-i", "rows.jsonl", "-o", device, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    assert topics(done.stdout) == ["Apples are red.", "Pears are green."]
    assert Path("/dev/stdout").readlink() == link


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the names are those of Linux")
def test_standard_output_that_leads_to_a_file_appends_where_the_shell_appends(cli, target):
    log = cli.folder / "log.jsonl"
    log.write_text("before\n")
    with log.open("a") as file:
        done = process(cli, "run", target, "-i", "rows.jsonl", "-o", "/dev/stdout", stdout=file)
    assert done.returncode == 0, done.stderr
    assert log.read_text().startswith("before\n")
    assert len(topics(log.read_text().removeprefix("before\n"))) == 2


def test_a_null_device_takes_the_results_and_gives_no_rows(cli, target):
    assert cli.run(target, output=os.devnull).exit_code == 0
    done = cli.run(target, rows=os.devnull)
    assert "the input has no rows" in done.stdout


def test_rows_come_from_standard_input_as_jsonl(cli, target):
    done = cli("run", target, "-i", "-", "-o", "-", input=ROWS)
    assert done.exit_code == 0, done.stderr
    assert topics(done.stdout) == ["Apples are red.", "Pears are green."]


def test_a_format_says_what_streams_hold(cli, target):
    done = cli("run", target, "-i", "-", "-o", "-", "--format", "csv", input="topic\nApples are red.\n")
    assert done.exit_code == 0, done.stderr
    header, row = done.stdout.splitlines()
    assert header == "id,chain,state,result,error_reason,error_message"
    assert row.startswith("1,c")
    done = cli(
        "run", target, "-i", "-", "-o", "out.jsonl", "--format", "csv", input="topic\nApples are red.\n"
    )
    assert [line["result"]["topic"] for line in cli.results()] == ["Apples are red."]


def test_an_error_in_standard_input_names_line_and_column(cli, target):
    done = cli("run", target, "-i", "-", "-o", "-", input='{"topic": "a"}\n{"topic": b}\n')
    assert done.exit_code == 2
    assert "standard input, line 2, column 11 is not JSON" in done.stderr
    assert done.stdout == ""


def test_a_pipe_gives_rows(cli, target):
    read, write = os.pipe()
    os.write(write, ROWS.encode())
    os.close(write)
    try:
        done = process(
            cli,
            "run",
            target,
            "-i",
            f"/dev/fd/{read}",
            "-o",
            "out.jsonl",
            stdout=subprocess.PIPE,
            pass_fds=[read],
        )
    finally:
        os.close(read)
    assert done.returncode == 0, done.stderr
    assert len(cli.results()) == 2


def test_other_rows_from_standard_input_do_not_replace_the_results_of_earlier_ones(cli, target):
    words = ("run", target, "-i", "-", "-o", "out.jsonl")
    assert cli(*words, input=ROWS).exit_code == 0
    assert cli(*words, input=ROWS).exit_code == 0
    done = cli(*words, input='{"topic": "Plums are blue."}\n')
    assert done.exit_code == 2
    assert "is no earlier result" in done.stderr


def test_a_reader_that_goes_away_ends_the_run_without_a_traceback(cli, target):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        done = process(cli, "run", target, "-i", "rows.jsonl", "-o", "-", "--quiet", stdout=gone)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_run_needs_no_standard_input_unless_it_is_named(cli, target):
    closed = ["sh", "-c", 'exec "$0" "$@" <&-', *GEMCHAIN, "run", target, "-o", "out.jsonl", "-i"]
    for rows, code in (("rows.jsonl", 0), ("-", 2)):
        done = subprocess.run([*closed, rows], cwd=cli.folder, text=True, check=False, capture_output=True)
        assert done.returncode == code, done.stderr
    assert "there is no standard input here; name a file instead of '-'" in done.stderr
