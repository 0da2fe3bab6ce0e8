"""Counts that the command line shows: of what raised, of rows of a batch, and of what a run did."""

import pytest

from gemchain.display.formatting import outcomes
from gemchain.records import RowCounts
from tests.cli.conftest import CHAIN

RAISING = CHAIN.replace(
    "def middle(response, topic):", 'def middle(response, topic):\n    raise ValueError("no title")'
)


@pytest.fixture
def failed(cli):
    """A state whose only prompt failed, since its callback raised each of three times."""
    cli.rows({"id": "a", "topic": "A letter."})
    cli.done = cli.run(f"{cli.module(RAISING)}:start")
    assert cli.done.exit_code == 1
    return cli


def test_a_callback_that_raised_three_times_is_said_to_have_raised_three_times(failed):
    chain = failed.json("show", failed.json("chains")[0]["id"])
    (prompt,) = chain["prompts"]
    assert prompt["callback_attempts"] == 3
    assert "callback raised 3 times" in failed("show", chain["id"]).stdout
    assert "callback raised  3 times" in failed("show", prompt["id"]).stdout


def test_a_closed_batch_says_no_row_is_waiting_whose_prompt_has_failed(failed):
    (batch,) = failed.json("batches")
    assert batch["counts"]["waiting"] == 1, "what is stored keeps its name"
    for words in (["batches"], ["show", batch["id"]]):
        said = failed(*words).stdout
        assert "1 callback put off" in said
        assert "waiting" not in said


def test_prompts_that_failed_are_counted_in_the_summary(failed):
    assert "1 prompt in 1 batch, " in failed.done.stdout


def test_a_run_without_a_batch_speaks_of_none(cli):
    cli.rows({"id": "a", "topic": "A letter."})
    name = cli.module(RAISING)
    cli.run(f"{name}:start")
    cli.rewrite(name, RAISING.replace('    raise ValueError("no title")\n', "    return 1\n"))
    assert cli("retry", "--all", "--yes").exit_code == 0
    done = cli.run(f"{name}:start")
    assert done.exit_code == 0, done.stdout
    assert "1 prompt, " in done.stdout
    assert "0 batches" not in done.stdout


def test_rows_are_counted_in_words():
    counts = RowCounts(done=1699, waiting=2, late=1)
    assert outcomes(counts) == "1,699 done, 2 callbacks put off, 1 late"
    assert outcomes(RowCounts()) == ""
