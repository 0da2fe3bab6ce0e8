"""`--partial`: rows that have ended, in a file beside the output, while the run goes on."""

import json
import os
import signal
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest

from gemchain.cli.run import partial
from gemchain.cli.run.partial import Partial, partial_output
from gemchain.data.layouts import known_layout
from gemchain.data.outputs import Output
from gemchain.records import Counters
from gemchain.records.states import ChainState

GEMCHAIN = (sys.executable, "-c", "from gemchain.cli import main; main()")
NAME = "out.partial.jsonl"

SLOW = """
import os, threading
import gemchain

def respond(request):
    if os.environ.get("BLOCK"):
        print("asked", flush=True)
        threading.Event().wait()
    return "yes"

gemchain.configure(responder=respond)

def start(topic):
    if topic == "quick":
        return "at once"
    gemchain.submit(topic, "simulated/echo", finish)

def finish(response):
    return response.text
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/articles.jsonl", "a/articles.partial.jsonl"),
        ("articles.v2.csv.gz", "articles.v2.partial.csv.gz"),
        ("articles.parquet", "articles.partial.parquet"),
    ],
)
def test_the_file_lies_beside_the_output_with_the_same_ending(name, expected):
    output = partial_output(Output(Path(name), known_layout(Path(name))))
    assert output.path == Path(expected)
    assert known_layout(output.path) == output.layout


def test_a_stream_has_no_partial_results(cli):
    cli.rows({"topic": "a"})
    done = cli.run(None, "rows.jsonl", "-", "--partial")
    assert done.exit_code == 2
    assert "--partial writes a file beside --output; '-' is a stream" in done.stderr
    assert not (cli.folder / ".gemchain").exists()


@pytest.fixture
def interrupted(cli):
    """A run that Ctrl-C ended after one of its three rows; what it said, and its words."""
    cli.rows({"topic": "slow"}, {"topic": "quick"}, {"topic": "slower"})
    words = ["run", f"{cli.module(SLOW)}:start", "-i", "rows.jsonl", "-o", "out.jsonl"]
    with subprocess.Popen(
        [*GEMCHAIN, *words, "--partial"],
        cwd=cli.folder,
        env=os.environ | {"BLOCK": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stdout.readline() == "asked\n"
            running.send_signal(signal.SIGINT)
            _, said = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 130
    return said, words


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for one process")
def test_after_ctrl_c_the_file_has_the_rows_that_ended_and_the_same_command_removes_it(cli, interrupted):
    said, words = interrupted
    assert f"■ 1 row ended so far → {NAME}\n" in said
    assert "--partial" in said.partition("Continue with:")[2]
    assert [(row["id"], row["result"]) for row in cli.results(NAME)] == [(2, "at once")]
    assert not (cli.folder / "out.jsonl").exists()
    again = cli(*words, "--partial")
    assert again.exit_code == 0, again.stderr
    assert [row["result"] for row in cli.results()] == ["yes", "at once", "yes"]
    assert not (cli.folder / NAME).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for one process")
def test_a_later_run_without_the_option_removes_what_an_earlier_one_left(cli, interrupted):
    _, words = interrupted
    assert cli(*words).exit_code == 0
    assert not (cli.folder / NAME).exists()


def test_a_file_of_somebody_else_is_refused_and_stays(cli):
    cli.rows({"topic": "a"})
    (cli.folder / NAME).write_text("my notes\n")
    target = f"{cli.module()}:start"
    done = cli.run(target, "rows.jsonl", "out.jsonl", "--partial")
    assert done.exit_code == 2
    assert f"'{NAME}' exists and is no earlier result" in done.stderr
    assert cli.run(target).exit_code == 0
    assert (cli.folder / NAME).read_text() == "my notes\n"


WATCHED = """
import gemchain
import chain_events

def start(topic):
    if topic == "quick":
        return "at once"
    gemchain.submit(topic, "simulated/echo", finish)

def finish(response):
    return chain_events.seen()
"""


def test_the_file_is_written_while_the_run_goes_on(cli, monkeypatch):
    written, refresh = threading.Event(), Partial.refresh

    def noted(self):
        refresh(self)
        if self.written:
            written.set()

    def seen():
        assert written.wait(60)
        return [row["id"] for row in cli.results(NAME)]

    monkeypatch.setattr(partial, "EVERY", 0.0)
    monkeypatch.setattr(Partial, "refresh", noted)
    monkeypatch.setitem(sys.modules, "chain_events", types.SimpleNamespace(seen=seen))
    cli.rows({"topic": "slow"}, {"topic": "quick"})
    done = cli.run(f"{cli.module(WATCHED)}:start", "rows.jsonl", "out.jsonl", "--partial")
    assert done.exit_code == 0, done.stderr
    assert [row["result"] for row in cli.results()] == [[2], "at once"]
    assert not (cli.folder / NAME).exists()


def test_after_a_timeout_all_rows_are_in_the_output_and_the_file_goes(cli, monkeypatch):
    monkeypatch.setenv("GEMCHAIN_SIMULATED_TURNAROUND", "1000")
    cli.rows({"topic": "a"})
    assert cli.run(None, "rows.jsonl", "out.jsonl", "--partial", "--timeout", "0.05").exit_code == 1
    assert len(cli.results()) == 1
    assert not (cli.folder / NAME).exists()


class Stand:
    """A store and a file for `Partial`."""

    def __init__(self, folder):
        self.ended = 1
        self.read = 0
        self.stopping = False
        self.noted = []
        output = Output(folder / NAME, known_layout(Path(NAME)))
        files = types.SimpleNamespace(written=output, standard_output=None)
        self.partial = Partial(files, self.rows, self, types.SimpleNamespace(note=self.note))

    def counters(self):
        return Counters(chains={ChainState.DONE: self.ended, ChainState.RUNNING: 5})

    def rows(self):
        self.read += 1
        for number in range(self.ended):
            if self.stopping:
                self.partial.stopped.set()
            yield {"id": number}

    def note(self, output, content):
        self.noted.append((output.name, len(content.read_text().splitlines())))


@pytest.fixture
def stand(tmp_path):
    return Stand(tmp_path)


def test_nothing_is_read_or_written_while_no_chain_has_ended_since(stand):
    stand.partial.refresh()
    stand.partial.refresh()
    assert stand.read == 1
    stand.ended = 3
    stand.partial.refresh()
    assert stand.read == 2
    assert stand.noted == [(NAME, 1), (NAME, 3)]
    assert stand.partial.written == 3


def test_the_end_of_the_run_breaks_a_version_off_and_the_one_before_stays(stand, tmp_path):
    stand.partial.refresh()
    stand.ended, stand.stopping = 4, True
    stand.partial.refresh()
    assert (tmp_path / NAME).read_text() == json.dumps({"id": 0}, separators=(",", ":")) + "\n"
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
