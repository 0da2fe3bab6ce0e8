"""A real `gemchain run` on a real model, killed with SIGKILL: what was answered is not asked again.

The model's server counts the tokens that it makes. It outlives the run, since the test uses it, too.
"""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from gemchain.formats.direct_rows import read_row
from tests.support.local_model import SETTINGS, held_server, idle_counts

ROOT = Path(__file__).parents[3]
APP = ROOT / "tests" / "apps" / "local_chains.py"
COMMAND = [sys.executable, "-c", "from gemchain.cli import main; main()", "run", f"{APP}:begin"]

CHAINS = 12
KILLED_AFTER = (1, 9, 16)
"""Answers that have to be written before each kill; there are two for each chain."""

INSTANT = 0.005
VARIABLES = {"GEMCHAIN_FLUSH": "0.05", "GEMCHAIN_GRACE": "0.02", "GEMCHAIN_LEASE": "2"}


class Run:
    """One input on one state, worked on by one process after another."""

    def __init__(self, folder):
        self.folder = folder
        rows = [{"id": number, "name": f"child number {number}"} for number in range(CHAINS)]
        (folder / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))

    def answers(self):
        """The rows that were written so far, by prompt; each prompt has one."""
        found = {}
        for file in (self.folder / "state" / "files" / "batches").glob("*/direct/*.jsonl"):
            for line in file.read_bytes().splitlines():
                row = read_row(line)
                assert row.failure is None
                assert row.prompt_id not in found, "a prompt was asked again after its answer was written"
                found[row.prompt_id] = row.body
        return found

    def live(self, until=None):
        """One life of the process: to its end, or until so many answers are written."""
        settings = {f"GEMCHAIN_{name.upper()}": str(value) for name, value in SETTINGS.items()}
        paths = ("--input", self.folder / "rows.jsonl", "--output", self.folder / "results.jsonl")
        with subprocess.Popen(
            [*COMMAND, *paths, "--state", self.folder / "state", "--quiet"],
            env={**os.environ, **settings, **VARIABLES, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout.readline() == b"loaded\n", process.communicate()[1].decode()
            while until is not None and self._runs(process):
                if len(self.answers()) >= until:
                    process.kill()
                    return
            _, errors = process.communicate()
            assert process.returncode == 0, errors.decode()

    @staticmethod
    def _runs(process):
        try:
            process.wait(INSTANT)
        except subprocess.TimeoutExpired:
            return True
        return False


@pytest.fixture
def address(tmp_path, monkeypatch):
    """A server of this test alone, whose counters start at nothing."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with held_server() as (_, found):
        yield found


def tokens(counted):
    read = counted["prompt_tokens_total"] + counted["prompt_tokens_cached_total"]
    return int(read), int(counted["tokens_predicted_total"])


def used(bodies):
    usages = [each["usage"] for each in bodies]
    return sum(each["prompt_tokens"] for each in usages), sum(each["completion_tokens"] for each in usages)


def test_a_killed_run_goes_on_and_asks_only_what_has_no_answer_yet(address, tmp_path):
    run = Run(tmp_path)
    written, before = {}, (0, 0)
    for number in KILLED_AFTER:
        run.live(until=number)
        # What was on its way at the kill may have been answered, and nobody wrote it down.
        counted = tokens(idle_counts(address))
        now = run.answers()
        assert number <= len(now) < 2 * CHAINS
        assert written.items() <= now.items(), "what was written stays as it is"
        made = used(body for name, body in now.items() if name not in written)
        assert counted[1] - before[1] >= made[1]
        written, before = now, counted
    run.live()
    counted = tokens(idle_counts(address))
    answers = run.answers()
    assert len(answers) == 2 * CHAINS
    missing = [body for name, body in answers.items() if name not in written]
    assert (counted[0] - before[0], counted[1] - before[1]) == used(missing), (
        "after the last kill the server worked for the missing answers, and for nothing else"
    )
    results = [orjson.loads(line) for line in (tmp_path / "results.jsonl").read_bytes().splitlines()]
    assert [each["state"] for each in results] == ["DONE"] * CHAINS
