"""Chains of a script are the same chains whoever starts them."""

import subprocess
import sys

import pytest

SCRIPT = """
import gemchain

def ask(text):
    gemchain.submit(f"Summarise {text}", "simulated/m", answered)

def answered(response):
    return response.text

@gemchain.chain
async def straight(text):
    return (await gemchain.prompt(f"Summarise {text}", "simulated/m")).text

if __name__ == "__main__":
    print(*(gemchain.start(each, key="k", text="a").id for each in (ask, straight)))
    print(gemchain.submit("a", "simulated/m", answered, key="k").chain_id)
"""
OTHER = """
import gemchain, script
print(*(gemchain.start(each, key="k", text="a").id for each in (script.ask, script.straight)))
print(gemchain.submit("a", "simulated/m", script.answered, key="k").chain_id)
"""


@pytest.fixture
def python(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "other.py").write_text(OTHER)

    def run(*arguments):
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    return run


def test_a_key_means_the_same_chain_in_a_script_and_wherever_it_is_imported(python):
    ids = python("script.py")
    assert len(set(ids.split())) == 3
    assert python("-m", "script") == ids
    assert python("other.py") == ids
