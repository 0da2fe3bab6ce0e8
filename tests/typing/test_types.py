"""What mypy and pyright say of calls of gemchain: each marked error, and no other.

A line of a sample that ends in `# error: CODES` must be refused by both, each with one of the codes (mypy's
look like `call-arg`, pyright's like `reportCallIssue`); `# error in pyright: CODES` by pyright alone.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parent / "samples"
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MARK = re.compile(r"# error( in pyright)?: (.+)$")


def marked(checker):
    """The errors that the samples ask of a checker: file and line, and the codes of which it is one."""
    wanted = {}
    for path in SAMPLES.glob("*.py"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            mark = MARK.search(line)
            if mark and (checker == "pyright" or mark.group(1) is None):
                wanted[path.name, number] = set(mark.group(2).split())
    return wanted


def output(command):
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
    )
    assert done.returncode == 1, done.stdout + done.stderr  # it ran, and found errors
    return done.stdout


def mypy():
    """Errors by file and line, as mypy finds them under --strict."""
    found = {}
    options = ["--strict", "--no-pretty", "--hide-error-context", "--no-error-summary"]
    lines = output([sys.executable, "-m", "mypy", *options, str(SAMPLES)]).splitlines()
    for line in lines:
        error = re.fullmatch(r".*?([^/\\]+\.py):(\d+): error: (.*)\[([\w-]+)\]", line)
        if error:
            found.setdefault((error[1], int(error[2])), {})[error[4]] = error[3]
    return found


def pyright():
    """Errors by file and line, as pyright finds them in strict mode."""
    found = {}
    options = ["--outputjson", "--project", str(SAMPLES), "--pythonpath", sys.executable]
    for each in json.loads(output([BIN / "pyright", *options]))["generalDiagnostics"]:
        if each["severity"] == "error":
            place = Path(each["file"]).name, each["range"]["start"]["line"] + 1
            found.setdefault(place, {})[each.get("rule")] = each["message"]
    return found


@pytest.mark.parametrize("checker", [mypy, pyright], ids=["mypy", "pyright"])
def test_a_type_checker_refuses_what_is_marked_and_nothing_else(checker):
    found, wanted = checker(), marked(checker.__name__)
    assert len(wanted) > 30
    assert {place: errors for place, errors in found.items() if place not in wanted} == {}
    assert {place: codes for place, codes in wanted.items() if not codes & found.get(place, {}).keys()} == {}
