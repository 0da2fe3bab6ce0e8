"""Shell completion: what `--show-completion` prints makes bash complete commands and options."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gemchain.cli.app import app

SCRIPTS = Path(sys.executable).parent
BASH = shutil.which("bash")

COMPLETE = """
eval "$(gemchain --show-completion)"
COMP_WORDS=({words})
COMP_CWORD={current}
$(complete -p gemchain | sed -E 's/.*-F ([^ ]+).*/\\1/') gemchain
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

pytestmark = pytest.mark.skipif(BASH is None, reason="bash is not installed")


def completed(*words):
    """What bash offers for the last word."""
    program = COMPLETE.format(words=" ".join(f"'{word}'" for word in words), current=len(words) - 1)
    environment = os.environ | {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    command = [BASH, "--norc", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_bash_completes_the_beginning_of_a_command():
    assert completed("gemchain", "ch") == ["chains"]


def test_bash_offers_every_command():
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert set(completed("gemchain", "")) == commands


def test_bash_completes_the_options_of_a_command():
    assert "--limit" in completed("gemchain", "chains", "--l")
