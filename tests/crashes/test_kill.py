"""A real `gemchain run`, killed with SIGKILL again and again, ends like one that nobody disturbed."""

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
"""In each run: 32 in all."""

LONGEST_LIFE = 0.5
"""Seconds from the moment when the chains' file is loaded."""

ROWS = [
    {"id": number, "number": number, "text": f"Stone {number} lies on hill {number * 7 % 11}."}
    for number in range(60)
]

INSTANT = 0.0005


def outlives(process, seconds):
    """Whether the process still runs after so long."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


class Run:
    """One input on one state, carried on by one process after another.

    Attributes:
        kills: How many of them were killed while they worked.
    """

    def __init__(self, folder, seed, faults):
        self.folder = folder
        self.settings = {**SETTINGS, "simulated_seed": seed, "simulated_faults": faults}
        self.kills = 0
        folder.mkdir()
        (folder / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in ROWS))

    def live(self, until_death=None):
        """One life of the process.

        Args:
            until_death: Waits for the moment to kill it; None lets it live to its end.

        Returns:
            Whether it came to its end.
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
            if until_death is not None and until_death(process):
                process.kill()
                self.kills += 1
                return False
            _, complaint = process.communicate()
            assert process.returncode == 0, complaint.decode()
            return True

    def draw_death(self, moments):
        """At any moment; or, every other time, at the worst: when a job is there and not yet recorded."""
        if self.kills % 2:
            return lambda process: self._outlives_new_job(process, moments.randint(1, 3))
        return lambda process: outlives(process, moments.uniform(0, LONGEST_LIFE))

    def _outlives_new_job(self, process, number):
        jobs = self.folder / "state" / "files" / "simulated" / "jobs"
        enough = sum(1 for _ in jobs.glob("*")) + number
        while outlives(process, INSTANT):
            if sum(1 for _ in jobs.glob("*")) >= enough:
                return True
        return False

    def results(self):
        return (self.folder / "results.jsonl").read_bytes().splitlines()

    def records(self):
        """What the state holds in the end."""
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
    assert run.live()
    return run


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_process_killed_at_random_moments_ends_like_one_that_nobody_disturbed(seed, undisturbed, tmp_path):
    moments = random.Random(seed)
    kills = 0
    while kills < KILLS:  # an idle machine may come to the end before, then there is another run
        run = Run(tmp_path / f"after-{kills}", seed, FAULTS)
        while kills + run.kills < KILLS and not run.live(run.draw_death(moments)):
            pass
        assert run.live()
        assert_same_end(run, undisturbed)
        kills += run.kills


def assert_same_end(run, undisturbed):
    assert run.results() == undisturbed.results()
    expected, found = undisturbed.records(), run.records()
    assert found["chains"] == expected["chains"]
    assert found["prompts"] == expected["prompts"]
    assert found["paid"] == expected["paid"], "every prompt is paid once, whatever befell its rows"
    assert found["batches"] <= {BatchState.CLOSED, BatchState.FAILED}
    assert max(found["attempts"].values()) > 1, "the faults were on"


def test_the_undisturbed_run_is_what_it_should_be(undisturbed):
    results = [orjson.loads(line) for line in undisturbed.results()]
    assert [line["id"] for line in results] == [row["id"] for row in ROWS]
    assert {line["state"] for line in results} == {ChainState.DONE}
    assert [type(line["result"]) for line in results[:3]] == [dict, list, dict]
    records = undisturbed.records()
    assert {state for _, _, state in records["prompts"]} == {PromptState.DONE}
    assert set(records["paid"].values()) == {1}
    sent = {prompt_id for prompt_id, _, _ in records["prompts"]} - records["joins"]
    assert set(records["paid"]) == sent
