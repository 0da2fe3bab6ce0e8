"""What mypy and pyright say of calls of gemchain: each marked error, and no other.

A line of a sample that ends in `# error` must be refused by both, one that ends in `# error in pyright` by
pyright alone. `assert_type` in the samples says which types they must find.
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
MARK = re.compile(r"# error( in pyright)?$")


def marked(checker):
    """The errors that the samples ask of a checker: file and line, and the text there."""
    wanted = {}
    for path in SAMPLES.glob("*.py"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            mark = MARK.search(line)
            if mark and (checker == "pyright" or mark[1] is None):
                wanted[path.name, number] = line
    return wanted


def output(command):
    environment = os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1, done.stdout + done.stderr  # it ran, and found errors
    return done.stdout


def mypy():
    """Errors by file and line, as mypy finds them under --strict."""
    options = ["--strict", "--no-pretty", "--hide-error-context", "--no-error-summary"]
    lines = output([sys.executable, "-m", "mypy", *options, str(SAMPLES)]).splitlines()
    errors = [re.fullmatch(r".*?([^/\\]+\.py):(\d+): error: (.*)", line) for line in lines]
    return {(error[1], int(error[2])): error[3] for error in errors if error}


def pyright():
    """Errors by file and line, as pyright finds them in strict mode."""
    options = ["--outputjson", "--project", str(SAMPLES), "--pythonpath", sys.executable]
    found = json.loads(output([BIN / "pyright", *options]))["generalDiagnostics"]
    return {
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1): each["message"]
        for each in found
        if each["severity"] == "error"
    }


@pytest.mark.parametrize("checker", [mypy, pyright], ids=["mypy", "pyright"])
def test_a_type_checker_refuses_what_is_marked_and_nothing_else(checker):
    found, wanted = checker(), marked(checker.__name__)
    assert len(wanted) > 30
    assert {place: error for place, error in found.items() if place not in wanted} == {}
    assert {place: line for place, line in wanted.items() if place not in found} == {}


def test_every_call_that_is_taken_says_which_type_it_has():
    lines = [line for path in SAMPLES.glob("*.py") for line in path.read_text().splitlines()]
    assert sum("assert_type(" in line for line in lines) > 25


def test_the_document_on_types_shows_what_is_checked():
    document = (ROOT / "docs" / "types.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n# typed.py\n(.*?)```", document, re.DOTALL)
    assert (SAMPLES / "documented.py").read_text(encoding="utf-8").endswith(f"\n\n{shown}")
