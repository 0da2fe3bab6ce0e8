"""Chains of functions that Python was given without a file."""

import subprocess
import sys

from gemchain.records.states import PromptState
from gemchain.testing import embedded

SCRIPT = """
import gemchain
gemchain.configure(state="state", grace=0)
def begin(topic):
    gemchain.submit(topic, "simulated/echo", finish)

def finish(response):
    return "came back"

@gemchain.chain
async def ask(topic):
    return (await gemchain.prompt(topic, "simulated/echo")).text

if True:
    chains = [gemchain.start(begin, "a", key="a"), gemchain.start(ask, "b", key="b")]

"""
ENDS = "_ = gemchain.run(); print([chain.result() for chain in chains])\n"


def python(folder, *options, text=""):
    done = subprocess.run(
        [sys.executable, *options], cwd=folder, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_python_c_python_with_a_pipe_and_the_prompt_of_python_work_the_same_way(tmp_path):
    assert python(tmp_path, "-c", SCRIPT) == ""
    with embedded(tmp_path / "state") as engine:
        assert engine.runtime.store.counters().prompts[PromptState.QUEUED] == 2
    shown = "['came back', 'b']\n"
    runtime = "Runtime(state='state')\n"
    assert python(tmp_path, "-", text=SCRIPT.replace("came back", "edited") + ENDS) == shown
    assert python(tmp_path, "-i", "-q", text=SCRIPT.replace('"a"', '"c"') + ENDS) == runtime + shown
