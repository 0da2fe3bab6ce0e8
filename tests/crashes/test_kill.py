"""A real `gemchain run`, killed with SIGKILL again and again, ends like one that was never killed."""

import os
import random
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from gemchain.records.states import BatchState, ChainState, PromptState
from gemchain.settings import Settings
from gemchain.wiring import build
from tests.support.haste import FAULTS, SETTINGS

ROOT = Path(__file__).parents[2]
APP = ROOT / "tests" / "apps" / "killable.py"
COMMAND = [sys.executable, "-c", "from gemchain.cli import main; main()", "run"]

RUNS = 4
KILLS = 8
"""In each run, so 32 in all."""

LONGEST_LIFE = 0.5
"""Seconds, at most, from the moment when the chains' file is loaded to the kill."""

ROWS = [
    {"id": number, "number": number, "text": f"Stone {number} lies on hill {number * 7 % 11}."}
    for number in range(60)
]

INSTANT = 0.0005


def still_runs_after(process, seconds):
    """Whether the process still runs after so many seconds."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


class Run:
    """One input on one state, worked on by one process after another.

    Attributes:
        kills: How many of these processes were killed while they worked.
    """

    def __init__(self, folder, seed, faults):
        self.folder = folder
        self.settings = {**SETTINGS, "simulated_seed": seed, "simulated_faults": faults}
        self.kills = 0
        folder.mkdir()
        (folder / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in ROWS))

    def run_process(self, wait_for_kill=None):
        """Run one process.

        Args:
            wait_for_kill: Waits for the moment of the kill, and returns whether the process still runs;
                None lets the process run to its end.

        Returns:
            Whether the process came to its end.
        """
        variables = {f"GEMCHAIN_{name.upper()}": str(value) for name, value in self.settings.items()}
        paths = ("--input", self.folder / "rows.jsonl", "--output", self.folder / "results.jsonl")
        with subprocess.Popen(
            [*COMMAND, f"{APP}:begin", *paths, "--state", self.folder / "state", "--quiet"],
            env={**os.environ, **variables, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout.readline() == b"loaded\n", process.communicate()[1].decode()
            if wait_for_kill is not None and wait_for_kill(process):
                process.kill()
                self.kills += 1
                return False
            _, errors = process.communicate()
            assert process.returncode == 0, errors.decode()
            return True

    def draw_kill(self, moments):
        """A random moment; every other time the worst one: a job was created and is not recorded yet."""
        if self.kills % 2:
            return lambda process: self._runs_until_new_jobs(process, moments.randint(1, 3))
        return lambda process: still_runs_after(process, moments.uniform(0, LONGEST_LIFE))

    def _runs_until_new_jobs(self, process, number):
        jobs = self.folder / "state" / "files" / "simulated" / "jobs"
        enough = sum(1 for _ in jobs.glob("*")) + number
        while still_runs_after(process, INSTANT):
            if sum(1 for _ in jobs.glob("*")) >= enough:
                return True
        return False

    def results(self):
        return (self.folder / "results.jsonl").read_bytes().splitlines()

    def records(self):
        """What the state holds at the end."""
        settings = Settings().changed(**self.settings, state=str(self.folder / "state"))
        runtime = build(settings)
        store = runtime.store
        chains = store.list_chains(limit=10_000)
        prompts = [prompt for chain in chains for prompt in store.chain_prompts(chain.id)]
        try:
            return {
                "chains": sorted((chain.id, chain.state, chain.result) for chain in chains),
                "prompts": sorted((prompt.id, prompt.path, prompt.progress.state) for prompt in prompts),
                "paid": runtime.providers.named("simulated").paid_rows(),
                "batches": {batch.state for batch in store.list_batches(limit=10_000)},
                "attempts": {prompt.id: prompt.progress.attempt for prompt in prompts},
                "joins": {prompt.id for prompt in prompts if prompt.kind == "join"},
            }
        finally:
            store.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("undisturbed") / "run", seed=0, faults="")
    assert run.run_process()
    return run


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_process_killed_at_random_moments_ends_like_one_that_was_never_killed(seed, undisturbed, tmp_path):
    moments = random.Random(seed)
    kills = 0
    while kills < KILLS:  # a fast machine may finish before the last kill; then there is another run
        run = Run(tmp_path / f"after-{kills}", seed, FAULTS)
        while kills + run.kills < KILLS and not run.run_process(run.draw_kill(moments)):
            pass
        assert run.run_process()
        assert_same_end(run, undisturbed)
        kills += run.kills


def assert_same_end(run, undisturbed):
    assert run.results() == undisturbed.results()
    expected, found = undisturbed.records(), run.records()
    assert found["chains"] == expected["chains"]
    assert found["prompts"] == expected["prompts"]
    assert found["paid"] == expected["paid"], "every prompt is paid once, whatever happened to its rows"
    assert found["batches"] <= {BatchState.CLOSED, BatchState.FAILED}
    assert max(found["attempts"].values()) > 1, "the faults were on"


def test_the_run_without_a_kill_ends_as_expected(undisturbed):
    results = [orjson.loads(line) for line in undisturbed.results()]
    assert [line["id"] for line in results] == [row["id"] for row in ROWS]
    assert {line["state"] for line in results} == {ChainState.DONE}
    assert [type(line["result"]) for line in results[:3]] == [dict, list, dict]
    records = undisturbed.records()
    assert {state for _, _, state in records["prompts"]} == {PromptState.DONE}
    assert set(records["paid"].values()) == {1}
    sent = {prompt_id for prompt_id, _, _ in records["prompts"]} - records["joins"]
    assert set(records["paid"]) == sent
