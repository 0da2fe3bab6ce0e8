"""The live progress of `gemchain run`, drawn on a console of a fixed width."""

import io
import logging

import pytest
from rich.console import Console

import gemchain
from gemchain.display.formatting import Models, amount, count, duration, money
from gemchain.display.meter import Meter, Snapshot
from gemchain.display.progress import Board, Lines, as_line, showing
from gemchain.records import NO_USAGE, Usage
from gemchain.records.states import ChainState
from gemchain.testing import embedded

SIMULATED = Models().plus([("simulated", "gemini-3.5-flash-lite")])
PAID = Usage(1000, 200, 0.25, 0.5)


def console(width=100, *, terminal=True):
    return Console(
        file=io.StringIO(), width=width, force_terminal=terminal, color_system=None, highlight=False
    )


def drawn(snapshot, width=100):
    shown = console(width)
    board = Board(meter=None, title="chains:start", console=shown)
    board.now = snapshot
    shown.print(board)
    return shown.file.getvalue()


BUSY = Snapshot(
    chains=3000, done=1200, failed=2, parked=1, queued=340, in_batches=1300, answered=4, prompts_done=2000,
    running=2, closed=5, usage=PAID, models=SIMULATED,
)  # fmt: skip


def test_the_board_shows_chains_prompts_batches_tokens_and_money():
    said = drawn(BUSY)
    assert "1,200 of 3,000 done 2 failed 1 parked" in said
    assert "340 queued · 1,300 in batches · 4 answered, callback to be run again · 2,000 done" in said
    assert "2 running · 5 closed" in said
    assert "1,000 tokens asked, 200 answered" in said
    assert "simulated, no money spent; at the list price of gemini-3.5-flash-lite: $0.2500 as sent" in said
    assert all(len(line) <= 100 for line in said.splitlines())


def test_the_board_has_no_line_for_what_is_not_known_yet():
    said = drawn(Snapshot(chains=5))
    assert "tokens" not in said
    assert "money" not in said
    assert "failed" not in said


def test_the_board_fits_a_narrow_terminal():
    assert all(len(line) <= 60 for line in drawn(BUSY, width=60).splitlines())


def test_without_a_terminal_a_line_shows_the_same():
    said = as_line(BUSY)
    assert said.startswith(
        "chains 1,200 of 3,000 done, 2 failed, 1 parked | prompts 340 queued, 1,300 in batches"
    )
    assert "2 batches running" in said


def test_chains_of_other_runs_are_not_counted(tmp_path):
    with embedded(tmp_path, responder=lambda request: "yes") as engine:
        gemchain.submit("old", "simulated/gemini-3.5-flash-lite")
        engine.run()
        meter = Meter(engine.runtime.store)
        gemchain.submit("new", "simulated/gemini-3.5-flash-lite")
        meter.set_chains({}, 1)
        before = meter.read()
        assert (before.chains, before.done, before.queued, before.prompts_done) == (1, 0, 1, 0)
        assert before.usage == NO_USAGE
        engine.run()
        after = meter.read()
        assert (after.done, after.queued, after.prompts_done, after.closed) == (1, 0, 1, 1)
        assert after.usage.answer_tokens > 0
        assert after.models == SIMULATED


def test_chains_of_an_earlier_run_of_the_same_rows_are_counted(tmp_path):
    with embedded(tmp_path, responder=lambda request: "yes") as engine:
        gemchain.submit("mine", "simulated/gemini-3.5-flash-lite")
        engine.run()
        meter = Meter(engine.runtime.store)
        meter.set_chains({ChainState.DONE: 1}, 1)
        assert meter.read().done == 1


def test_a_line_is_printed_after_some_seconds_and_only_if_something_changed(tmp_path):
    with embedded(tmp_path, responder=lambda request: "yes") as engine:
        meter = Meter(engine.runtime.store)
        shown, now = console(terminal=False), [0.0]
        lines = Lines(meter, shown, clock=lambda: now[0])
        gemchain.submit("one", "simulated/gemini-3.5-flash-lite")
        lines.watch()
        assert shown.file.getvalue() == ""
        now[0] = 6.0
        lines.watch()
        assert shown.file.getvalue().startswith("6.0 s: chains")
        now[0] = 12.0
        lines.watch()
        assert shown.file.getvalue().count("\n") == 1


def test_a_terminal_shows_a_board(tmp_path):
    with embedded(tmp_path) as engine:
        shown = console()
        with showing(Meter(engine.runtime.store), "chains:start", shown) as progress:
            progress.watch()
            assert isinstance(progress, Board)
        assert "chains:start" in shown.file.getvalue()


def test_warnings_of_the_engine_are_shown_while_the_progress_is_shown(tmp_path):
    with embedded(tmp_path) as engine:
        shown = console(terminal=False)
        with showing(Meter(engine.runtime.store), "", shown):
            logging.getLogger("gemchain").warning("batch %s: refused", "b1")
        logging.getLogger("gemchain").warning("later")
        assert shown.file.getvalue() == "! batch b1: refused\n"


def test_quiet_shows_nothing(tmp_path):
    with embedded(tmp_path) as engine:
        shown = console()
        with showing(Meter(engine.runtime.store), "", shown, quiet=True) as progress:
            progress.watch()
            progress.say("x")
        assert shown.file.getvalue() == ""


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (
            SIMULATED,
            "simulated, no money spent; at the list price of gemini-3.5-flash-lite: $0.2500 as sent",
        ),
        (Models().plus([("vertex", "m")]), "$0.2500 spent, $0.2500 saved against $0.5000 interactive"),
        (
            Models().plus([("vertex", "m"), ("simulated", "s")]),
            "what s answered was simulated and cost nothing",
        ),
    ],
)
def test_only_money_that_was_spent_is_called_spent(models, said):
    assert said in money(PAID, models)


def test_money_without_a_price_is_not_mentioned():
    assert money(Usage(10, 10), SIMULATED) == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (75, "75 s"), (150, "2.5 min"), (7300, "2.0 h"), (200_000, "2.3 d")],
)
def test_durations_have_a_fitting_unit(seconds, said):
    assert duration(seconds) == said


def test_counts_and_amounts_are_formatted_for_people():
    assert [count(1, "batch"), count(2, "batch"), count(1200, "prompt")] == [
        "1 batch",
        "2 batches",
        "1,200 prompts",
    ]
    assert [amount(0), amount(1234.5), amount(0.25), amount(0.000123)] == [
        "$0.00",
        "$1,234.50",
        "$0.2500",
        "$0.000123",
    ]
