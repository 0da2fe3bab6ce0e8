"""Chains of functions that were defined in cells of a notebook, in a real kernel.

`jupyter execute --inplace examples/notebook.ipynb` keeps new outputs in the example.
"""

from pathlib import Path

import nbformat

from tests.notebooks.kernels import execute, made_of, outputs

EXAMPLE = Path(__file__).parents[2] / "examples" / "notebook.ipynb"


def test_the_example_runs_and_shows_what_is_kept_in_it_and_again_after_a_restart(tmp_path):
    kept = nbformat.read(EXAMPLE, as_version=4)
    shown = outputs(kept)
    assert any(shown)
    for _ in ("first", "after a restart of the kernel"):
        ran = outputs(execute(nbformat.read(EXAMPLE, as_version=4), tmp_path))
        assert ran == shown
        assert max(len(line) for cell in ran for _, text in cell for line in text.splitlines()) <= 80
        assert {stream for cell in ran for stream, _ in cell} == {"stdout", "value"}


DEFINE = """
import gemchain
from gemchain.runtime import active

gemchain.configure(state="state")
MODEL = "simulated/echo"

def begin(topic):
    gemchain.submit(topic, MODEL, finish)

def finish(response):
    return "as it was"

@gemchain.chain
async def ask(topic):
    await gemchain.prompt(topic, MODEL)
    return shown("as it was")

def shown(text):
    return text.upper()
"""
START = """
chains = [gemchain.start(begin, "a", key="a"), gemchain.start(ask, "b", key="b")]
"""
EDIT = """
def finish(response):
    return "edited"

@gemchain.chain
async def ask(topic):
    await gemchain.prompt("another", MODEL)
    return shown("edited")

def shown(text):
    return text.lower()
"""
RUN = """
gemchain.run()
print([chain.result() for chain in chains])
"""
SLOWLY = """
import gemchain
import gemchain.display.progress
gemchain.display.progress.LINES = 0.0
gemchain.configure(state="state", simulated_turnaround=1.0)
"""


def test_a_run_that_takes_a_while_shows_plain_lines(tmp_path):
    define = DEFINE.replace('gemchain.configure(state="state")\n', "")
    ran = outputs(execute(made_of(SLOWLY, define, START, RUN), tmp_path))
    lines = "".join(text for stream, text in ran[-1] if stream == "stderr")
    assert "chains 0 of 2 done" in lines
    assert "waits for batch" in lines
    assert "\x1b" not in lines


COUNT = """
print(sum(active().store.counters().prompts.values()))
"""


def test_a_chain_goes_on_with_the_code_that_it_was_started_with_when_a_cell_is_edited(tmp_path):
    ran = execute(made_of(DEFINE, START, EDIT, START, RUN, COUNT), tmp_path)
    assert outputs(ran) == [[], [], [], [], [("stdout", "['as it was', 'AS IT WAS']\n")], [("stdout", "2\n")]]
    again = "chains = [gemchain.start(begin, 'a'), gemchain.start(ask, 'b')]"
    ran = execute(made_of(DEFINE, EDIT, START, RUN, COUNT, again, RUN, COUNT), tmp_path)
    texts = [text for cell in outputs(ran) for _, text in cell]
    assert texts == ["['as it was', 'AS IT WAS']\n", "2\n", "['edited', 'edited']\n", "4\n"]
