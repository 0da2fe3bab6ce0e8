"""The place that raised: the user's own line, its end never cut."""

import pytest

from gemchain.cli.output.raised import Place, raised_at

EXITS = """
import sys
import gemchain

def start(topic):
    gemchain.submit(topic, "simulated/gemini-3.5-flash-lite", finish)

def finish(response):
    sys.exit(3)
"""

INSIDE = """
import gemchain

def start(topic):
    gemchain.submit(topic, "simulated/gemini-3.5-flash-lite", start, params=Odd())

class Odd(dict):
    pass
"""


def test_sys_exit_in_a_callback_is_placed_in_the_users_file(cli):
    name = cli.module(EXITS)
    cli.rows({"topic": "a"})
    assert cli.run(f"{name}:start").exit_code == 1
    (group,) = cli.json("status")["failed"]
    assert group["place"] == f"{name}:9, in finish()"
    assert f"raised at {name}:9, in finish()" in cli("show", group["example"]).stdout


@pytest.mark.parametrize("value", ["'no/such/model'", "7"])
def test_an_error_inside_gemchain_names_the_line_of_the_start_function(cli, value):
    name = cli.module(INSIDE.replace('"simulated/gemini-3.5-flash-lite"', value))
    cli.rows({"topic": "a"})
    done = cli.run(f"{name}:start")
    assert done.exit_code == 2
    assert f"raised at {name}:5, in start()" in done.stderr
    assert "gemchain.submit(topic, " in done.stderr
    assert "/gemchain/" not in done.stderr


def test_a_start_function_that_exits_is_shown_with_its_own_line_and_no_others(cli):
    name = cli.module('import sys\n\ndef start(topic):\n    sys.exit("no")\n')
    cli.rows({"topic": "a"})
    said = cli.run(f"{name}:start").stderr
    assert f"raised at {name}:4, in start()" in said
    assert 'sys.exit("no")' in said
    assert "calling.py" not in said


def test_the_frame_of_a_cause_is_found_when_the_last_error_has_none():
    text = """Traceback (most recent call last):
  File "/home/x/chains.py", line 9, in finish
    sys.exit(3)
SystemExit: 3

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/gemchain/engine/answers/delivery.py", line 155, in _call
    ended = _run(case, name, first)
RuntimeError: the function called sys.exit(3)
"""
    assert str(raised_at(text)) == "/home/x/chains.py:9, in finish()"


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (60, "/srv/a/long/path/chains.py:23, in right()"),
        (40, "…/a/long/path/chains.py:23, in right()"),
        (24, "…/long/path/chains.py:23"),
        (3, "chains.py:23"),
    ],
)
def test_a_long_place_keeps_its_file_and_line(width, expected):
    assert Place("/srv/a/long/path/chains.py", 23, "right").within(width) == expected


def test_status_keeps_the_file_and_the_line_of_a_long_place(cli):
    deep = cli.folder.joinpath(*(f"a_rather_long_folder_{n}" for n in range(4)))
    deep.mkdir(parents=True)
    (deep / "chain_deep_exit.py").write_text(EXITS, encoding="utf-8")
    cli.rows({"topic": "a"})
    cli.run(f"{deep.relative_to(cli.folder)}/chain_deep_exit.py:start")
    said = cli("status", env={"COLUMNS": "80"}).stdout
    (line,) = [each for each in said.splitlines() if "e.g." in each]
    assert "/chain_deep_exit.py:9" in line
    assert line.endswith("ago")
    assert len(line) <= 80
    (chain,) = cli.json("chains")
    drawn = cli("show", chain["id"], env={"COLUMNS": "80"}).stdout
    assert any("raised at …" in each and "/chain_deep_exit.py:9" in each for each in drawn.splitlines())
