"""Applications do not get in each other's way: a program sends and dispatches its own."""

import subprocess
import sys
import textwrap

import pytest

import gemchain
from gemchain.errors import ConfigurationError
from gemchain.functions.application import program_name
from gemchain.records.states import ChainState, PromptState
from gemchain.testing import embedded

SCRIPT = """
import sys
import gemchain

def begin(topic):
    gemchain.submit(topic, "simulated/gemini-3.5-flash-lite", finish)

def finish(response):
    return response.text

if __name__ == "__main__":
    if "start" in sys.argv:
        gemchain.start(begin, sys.argv[0], key="one")
    if "run" in sys.argv:
        gemchain.run(everything="everything" in sys.argv)
    for name in sorted(gemchain.runtime.active().store.owners()):
        counters = gemchain.runtime.active().store.owned_by({name}).counters()
        print(name, *(f"{state}={number}" for state, number in counters.prompts.items()))
"""


@pytest.fixture
def script(tmp_path):
    def run(name, *arguments, **environment):
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(SCRIPT))
        variables = {"GEMCHAIN_GRACE": "0", "GEMCHAIN_POLL": "0.01", "PATH": "/usr/bin:/bin", **environment}
        done = subprocess.run(
            [sys.executable, str(file), *arguments],
            check=False,
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return dict(line.partition(" ")[::2] for line in done.stdout.splitlines())

    return run


def test_a_script_leaves_the_chains_of_another_script_alone(script):
    assert script("one", "start") == {"one": "QUEUED=1"}
    assert script("two", "start", "run") == {"one": "QUEUED=1", "two": "DONE=1"}
    assert script("one", "run") == {"one": "DONE=1", "two": "DONE=1"}


def test_scripts_of_one_name_in_two_folders_are_two_programs(script):
    script("one", "start")
    assert script("other/one", "run") == {"one": "QUEUED=1"}


def test_a_key_that_leads_to_a_chain_of_another_program_is_warned_of(tmp_path, caplog):
    with embedded(tmp_path, program="shop"):
        gemchain.start(_begin, "bees", key="a")
    with embedded(tmp_path, program="other"):
        gemchain.start(_begin, "bees", key="a")
    assert "belongs to 'shop', and not to 'other'" in caplog.text


def test_everything_does_the_work_of_all_scripts(script):
    script("one", "start")
    assert script("two", "start", "run", "everything") == {"one": "DONE=1", "two": "DONE=1"}


def test_scripts_that_are_one_program_share_their_work(script):
    script("one", "start", GEMCHAIN_PROGRAM="shop")
    assert script("two", "run", GEMCHAIN_PROGRAM="shop") == {"shop": "DONE=1"}


def test_what_has_no_program_is_everyones(tmp_path):
    assert program_name() == "", "a test runner is no application"
    with embedded(tmp_path) as engine:
        chain = gemchain.start(_begin, "bees")
        assert engine.runtime.store.chains([chain.id])[chain.id].owner == ""
    with embedded(tmp_path, program="shop"):
        gemchain.run()
        assert chain.result() == "bees"


def test_children_and_chains_that_a_chain_starts_belong_to_its_program(tmp_path):
    with embedded(tmp_path, program="shop"):
        chain = gemchain.start(_outer, "bees")
    with embedded(tmp_path, program="other") as engine:
        store = engine.runtime.store
        engine.run()  # everyone's
        owners = {each.function.rpartition(":")[2]: each.owner for each in store.list_chains()}
        assert owners == {"_outer": "shop", "_begin": "shop"}
        assert {each.owner for each in store.chain_prompts(chain.id)} == {"shop"}
        assert store.owned_by({"shop"}).counters().chains == {ChainState.DONE: 2}
        assert store.owned_by({"other"}).counters().prompts == {}


def test_a_result_that_is_asked_for_is_worked_for_whoever_owns_it(tmp_path):
    with embedded(tmp_path, program="shop"):
        chain = gemchain.start(_begin, "bees")
        gemchain.start(_begin, "wasps")
    with embedded(tmp_path, program="other") as engine:
        assert chain.result() == "bees"
        assert engine.runtime.store.owned_by({"shop"}).counters().prompts.get(PromptState.DONE)


def test_a_fork_belongs_to_the_program_of_its_chain(tmp_path):
    with embedded(tmp_path, program="shop") as engine:
        chain = gemchain.start(_begin, "bees")
        engine.run()
        (prompt,) = engine.runtime.store.chain_prompts(chain.id)
    with embedded(tmp_path, program="other") as engine:
        fork = chain.fork(prompt.id)
        assert engine.runtime.store.chains([fork.id])[fork.id].owner == "shop"


@pytest.mark.parametrize("name", ["a/b", "a@b", "a b", "x" * 101])
def test_a_program_has_a_plain_name(tmp_path, name):
    with (
        pytest.raises(ConfigurationError, match="setting 'program' cannot be used"),
        embedded(tmp_path, program=name),
    ):
        pass


def _begin(topic):
    gemchain.submit(topic, "simulated/gemini-3.5-flash-lite", _finish, params={"topic": topic})


def _outer(topic):
    gemchain.submit(topic, "simulated/gemini-3.5-flash-lite", _inner, params={"topic": topic})


def _inner(response, topic):
    gemchain.start(_begin, topic, key="inner")
    return topic


def _finish(response, topic):
    return topic
