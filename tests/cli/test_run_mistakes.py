"""`gemchain run` on chains with mistakes: what is forgotten is shown; an exit of a function ends no run."""

import json

from tests.cli.conftest import CHAIN

ROWS = [{"topic": f"Number {number} is a number."} for number in range(3)]


def test_what_is_forgotten_is_shown_once_while_it_runs(cli):
    cli.rows(*ROWS)
    target = cli.module(CHAIN.replace('gemchain.submit(f"Give', 'gemchain.prompt(f"Give'))
    done = cli.run(f"{target}:start")
    assert done.exit_code == 0
    assert done.stderr.count("described a prompt with gemchain.prompt() that is never sent") == 1
    assert ":middle described" in done.stderr


def test_a_start_function_that_submits_nothing_is_shown_once(cli):
    cli.rows(*ROWS)
    done = cli.run(f"{cli.module('def start(topic):' + chr(10) + '    pass' + chr(10))}:start")
    assert done.exit_code == 0
    assert done.stderr.count("start returned None and submitted nothing") == 1


def test_a_mistyped_model_is_refused_with_the_row(cli):
    cli.rows(*ROWS)
    done = cli.run(f"{cli.module(**{'flash-lite': 'flsh-lite'})}:start")
    assert done.exit_code == 2
    assert "row 1 (line 1)" in done.stderr
    assert "did you mean 'simulated/gemini-3.5-flash-lite'" in done.stderr


def test_a_callback_that_exits_fails_its_chain_and_not_the_run(cli):
    cli.rows(*ROWS)
    exiting = CHAIN.replace(
        "def middle(response, topic):", "def middle(response, topic):\n    raise SystemExit(7)"
    )
    done = cli.run(f"{cli.module(exiting)}:start")
    assert done.exit_code == 1
    assert "3 FAILED" in done.stdout
    assert "sys.exit(7)" in done.stdout
    assert {line["state"] for line in cli.results()} == {"FAILED"}


RAISES_ON_MANY = """
import gemchain

def start(number):
    if number:
        raise ValueError(f"row {number} has no 'price'")
    gemchain.submit("a", "simulated/gemini-3.5-flash-lite", finish)

def finish(response):
    return response.text
"""


def test_failures_that_differ_in_details_are_one_line_of_the_summary(cli):
    cli.rows(*({"number": n} for n in range(30)))
    name = cli.module(RAISES_ON_MANY)
    said = cli.run(f"{name}:start").stdout
    assert said.count("FAILED (start)") == 1
    assert "29 FAILED (start): ValueError: row 1 has no 'price'" in said
    assert "other reason" not in said
    data = json.loads(cli.run(f"{name}:start", "rows.jsonl", "out.jsonl", "--json").stdout)
    (group,) = data["failures"]
    assert group["rows"] == 29
    assert cli.json("show", group["chain"])["state"] == "FAILED"
