"""New seeds in every run, old ones that once failed, and mutants that must be noticed."""

import os
import subprocess
import sys
from pathlib import Path
from secrets import randbelow

import pytest

from tests import firestore_state
from tests.simulation.mutants import MUTANTS, unchanged
from tests.simulation.stores import STORES
from tests.simulation.words import Words, digest
from tests.simulation.world import simulate
from tests.support.cases import rounds

ROUNDS = 10
QUICK_ROUNDS = 4
SEEDS = 20
"""New seeds of each round. `make simulate`, which CI runs as well, takes 2,000."""

COMPARED = 5
QUICK_COMPARED = 2
LONGEST = 1_500
"""Calls of ports in a run that is made on Firestore's stand-in as well, some milliseconds each."""

PATIENCE = 300
"""Seeds within which every mutant must be noticed."""

RARE = {
    **dict.fromkeys(("late_resend", "no_fence_at_birth", "retried_value", "guessed_rows"), 1_500),
    **dict.fromkeys(("unsigned", "abandoned_output", "no_lease", "requests_without_a_lease"), 1_500),
}
"""Mistakes that take a rare meeting: within 300 seeds today, but another engine may turn the dice."""

KILLERS = {
    "chance_in_replay": 13,
    "clock_in_replay": 25,
    "first_error_to_arrive": 18,
    "join_by_counting": 13,
    "late_resend": 51,
    "no_deduplication": 38,
    "resumed_twice": 5,
    "values_by_arrival": 18,
    "unchecked_replay": 24,
    "forgotten_word": 72,
    "no_lease": 338,
    "no_fence_at_birth": 388,
    "blamed_branch": 464,
    "retried_value": 13,
    "unsigned": 122,
    "guessed_rows": 89,
    "abandoned_output": 249,
    "dropped_rows": 89,
    "stale_look_at_parts": 742,
    "deaf_to_chains": 32,
    "no_precondition": 31,
    "requests_without_a_lease": 1_069,
}
"""Seeds that are known to notice a mutant, tried before all others. A change here may void them."""

VARIANTS = ({}, {"owned": False}, {"grows": True, "lanes": False})
"""How a seed that is known to notice a mutant is run, one after the other."""

OWNERS = ("ownerless_children", "work_of_everyone", "someone_elses_answers")
"""Mutants that only a run with owners notices."""

TAIL = 40
HERE = Path(__file__).parent


def failed_seeds():
    lines = (HERE / "failed_seeds.txt").read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line.strip() and not line.startswith("#")]


def told(report):
    """What a person needs who has to mend it."""
    words = Words(report.names)
    tail = "\n".join(words.lines(report.trace)[-TAIL:])
    replay = f"python -m tests.simulation --seed {report.seed} --trace"
    return f"seed {report.seed} broke a promise\n{tail}\n{words.text(report.violation)}\nReplay: {replay}"


def check(seed, *, grows=None, lanes=None):
    report = simulate(seed, grows=grows, lanes=lanes)
    assert report.violation is None, told(report)


@pytest.mark.parametrize("seed", failed_seeds())
@pytest.mark.parametrize("grows", [False, True])
def test_a_seed_that_once_failed_does_so_no_more(seed, grows):
    check(seed, grows=grows)


@pytest.mark.parametrize("number", rounds(ROUNDS, QUICK_ROUNDS))
def test_every_promise_holds_under_new_seeds(number):
    for _ in range(SEEDS):
        check(randbelow(1 << 40))


@pytest.mark.parametrize("number", rounds(ROUNDS, QUICK_ROUNDS))
def test_prompts_for_three_providers_in_all_lanes_keep_every_promise(number):
    # One provider is down in a third of them until all that is left is its own.
    for _ in range(SEEDS):
        check(randbelow(1 << 40), lanes=True)


@pytest.mark.parametrize("number", rounds(COMPARED, QUICK_COMPARED))
def test_both_stores_come_to_the_same_ends_under_new_seeds(number):
    if firestore_state.EXTERNAL:
        pytest.skip("FIRESTORE_EMULATOR_HOST is set: only gemchain's own emulator lives in virtual time")
    while True:
        here = simulate(randbelow(1 << 40), even=True)
        if here.points <= LONGEST:
            break
    there = simulate(here.seed, STORES["firestore"], even=True)
    replay = f"python -m tests.simulation --compare --store firestore --seed {here.seed} --trace"
    assert there.violation is here.violation is None, f"{replay}: {told(there)}"
    assert there.ends == here.ends, replay
    assert digest(there) == digest(here), replay


@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_an_engine_that_is_broken_on_purpose_is_noticed(mutant):
    patience = RARE.get(mutant, PATIENCE)
    for number, seed in enumerate([KILLERS.get(mutant, 0), *range(patience - 1)]):
        with MUTANTS[mutant]():
            # A known seed may have been found without owners or lanes, or with output that grows.
            variants = VARIANTS if number == 0 and mutant not in OWNERS else VARIANTS[:1]
            if any(simulate(seed, **each).violation is not None for each in variants):
                return
    pytest.fail(f"{mutant} went unnoticed for {patience} seeds")


@pytest.mark.parametrize("seed", [3, 17, 2132])
def test_the_same_seed_gives_the_same_trace(seed):
    assert digest(simulate(seed)) == digest(simulate(seed))


def test_a_trace_does_not_hang_on_the_process_it_is_made_in():
    script = "from tests.simulation.words import digest; from tests.simulation.world import simulate\n"
    script += "print([digest(simulate(seed)) for seed in (3, 17, 2132)])"
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": str(salt), "PYTHONPATH": str(HERE.parents[1])},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for salt in (1, 2)
    }
    assert len(told) == 1


def test_the_seeds_differ_in_what_they_do():
    assert len({digest(simulate(seed)) for seed in range(10)}) == 10


def test_an_unchanged_engine_is_not_called_broken():
    with unchanged():
        assert simulate(1).violation is None
