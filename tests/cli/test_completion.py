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


def test_it_is_installed_into_the_start_file_of_bash(tmp_path):
    environment = os.environ | {"HOME": str(tmp_path), "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    command = [BASH, "--norc", "-c", "gemchain --install-completion; true"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "bash completion installed" in done.stdout, done.stderr
    (script,) = tmp_path.rglob("gemchain.sh")
    assert str(script) in (tmp_path / ".bashrc").read_text()


def test_bash_completes_the_beginning_of_a_command():
    assert completed("gemchain", "ch") == ["chains"]


def test_bash_offers_every_command():
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert set(completed("gemchain", "")) == commands


def test_bash_completes_the_options_of_a_command():
    assert "--limit" in completed("gemchain", "chains", "--l")
