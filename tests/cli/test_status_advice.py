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


CROWD = """
import gemchain

def start(topic):
    gemchain.submit(topic, "simulated/gemini-3.5-flash-lite", middle, params={"topic": topic})

def middle(response, topic):
    raise ValueError("the words of this message are long enough to need more than one line of a screen")

@gemchain.chain
async def ask(topic):
    await gemchain.wait(f"the editor who decides about {topic}")
"""


def test_waits_parked_and_failed_groups_all_have_a_line_on_a_screen(cli, monkeypatch):
    cli.rows({"topic": "a"})
    failing = cli.module(CROWD)
    cli.run(f"{failing}:start")
    parking = cli.module(CROWD)
    source = (cli.folder / parking).read_text(encoding="utf-8")
    cli.run(f"{parking}:start", "rows.jsonl", "parked.jsonl", "--timeout", "0")
    cli.rewrite(parking, source.replace("def middle", "def moved").replace("middle", "moved"))
    cli.run(f"{parking}:start", "rows.jsonl", "parked.jsonl")
    cli.run(f"{failing}:ask", "rows.jsonl", "asked.jsonl")
    monkeypatch.setenv("GEMCHAIN_GRACE", "1000")
    for number in range(4):
        source = CROWD.replace(
            "gemini-3.5-flash-lite", f"model-{number}-with-a-long-name-of-a-model-that-fills-lines"
        )
        started = cli.run(f"{cli.module(source)}:start", "rows.jsonl", f"{number}.jsonl", "--timeout", "0")
        assert started.exit_code == 1, started.output
    said = cli("status", env={"COLUMNS": "80"}).stdout.splitlines()
    lines = [line[at : at + 80] for line in said for at in range(0, max(len(line), 1), 80)]
    assert len(lines) <= 23
    assert {"waits", "parked", "failed", "next"} <= {line[:9].strip() for line in lines}
