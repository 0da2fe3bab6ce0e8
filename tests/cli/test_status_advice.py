"""What `gemchain status` advises about start functions that raised, and about notebooks."""

import os
import subprocess
import sys

RAISES = """
import gemchain

def start(topic):
    if topic == "bad":
        raise KeyError("size")
    gemchain.submit(topic, "simulated/gemini-3.5-flash-lite", finish)

def finish(response):
    return response.text
"""

SESSION = """
import gemchain

def go(topic):
    gemchain.submit(topic, "simulated/gemini-3.5-flash-lite", finish)

def finish(response):
    return response.text

gemchain.start(go, "a")
"""


def test_a_start_function_that_raised_is_mended_and_its_run_typed_again(cli):
    name = cli.module(RAISES)
    cli.rows({"topic": "good"}, {"topic": "bad"})
    cli.run(f"{name}:start")
    look, again = cli.json("status")["next"]
    assert look["why"] == "look at one"
    assert cli(*look["command"].split()[1:]).exit_code == 0
    assert again["why"] == "mend the function, then start them again with"
    assert again["command"] == f"gemchain run {name}:start --input rows.jsonl --output out.jsonl"
    assert "gemchain gc" not in cli("status").stdout
    cli.rewrite(name, RAISES.replace('raise KeyError("size")', 'topic = "good"'))
    assert cli(*again["command"].split()[1:]).exit_code == 0
    assert cli.json("status")["next"] == []


def test_what_a_notebook_started_is_continued_by_running_the_notebook(cli):
    done = subprocess.run(
        [sys.executable, "-c", SESSION],
        check=False,
        cwd=cli.folder,
        env=os.environ | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for command in ("status", "runs"):
        said = cli(command).stdout
        assert "go() is of a notebook or a session: run that again to continue its chains" in said
        assert "__main__.py" not in said
