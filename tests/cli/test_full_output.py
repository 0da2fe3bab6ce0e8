"""A full disk behind standard output: one line, and exit code 3."""

import subprocess
import sys
from pathlib import Path

import pytest

MAIN = "import sys; from gemchain.cli import main; sys.argv[0] = 'gemchain'; main()"
FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", [["status"], ["status", "--json"], ["chains"], ["--help"], ["--version"]])
def test_what_cannot_be_printed_is_one_line(ran, command):
    with FULL.open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-c", MAIN, *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ran.folder,
            check=False,
        )
    assert done.stderr == "✗ standard output cannot be written: No space left on device\n"
    assert done.returncode == 3
