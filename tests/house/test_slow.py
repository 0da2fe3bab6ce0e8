"""What is marked as slow: `make test` keeps cases of the same test, and CONTRIBUTING.md names the file."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("tests/crashes", "tests/simulation", "tests/programs", "tests/providers")
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def collected(marker):
    """The cases of each test that this marker selects, by `file::test`."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", marker, *FOLDERS]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = defaultdict(int)
    for name in re.findall(r"^(tests/\S+?::\w+)", told, re.MULTILINE):
        found[name] += 1
    return found


@pytest.fixture(scope="module")
def slow():
    return collected("slow")


def test_every_test_with_slow_cases_has_others_that_make_test_runs(slow):
    quick = collected("not slow and not firebase")
    assert len(slow) >= 4
    assert [name for name in slow if quick[name] < 2] == []


def test_contributing_names_the_files_with_slow_cases(slow):
    files = {name.partition("::")[0] for name in slow}
    section = TEXT.partition("## What `make test` leaves")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(tests/\w+/\w+\.py)`", section)) == files


def test_the_marker_is_used_in_no_other_folder():
    using = re.compile(r"pytest\.mark\.slow|support\.cases import")
    here = Path(__file__)
    files = {
        path for path in (ROOT / "tests").rglob("*.py") if using.search(path.read_text(encoding="utf-8"))
    }
    outside = [str(path) for path in files - {here} if not str(path.relative_to(ROOT)).startswith(FOLDERS)]
    others = ("docs/test_site_pages.py", "support/cases.py")  # the built site is checked by `make docs`, too
    assert sorted(outside) == [str(ROOT / "tests" / each) for each in others]


def test_ci_runs_both_forms():
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "make test-all" in steps
    assert re.search(r"^test-all: test\b.*\n\t.*-m \"slow and not firebase\"$", makefile, re.MULTILINE)
