"""What `make dist` needs: the Pythons of the machine, the quickstart's blocks, the changelog's section."""

import os

import pytest

from tools.docs.repository import ROOT
from tools.release.metadata import changes
from tools.release.trial import QUICK, TrialError, _run_block, blocks, interpreters


def python(path, version, code=0):
    """A file that answers as a Python of that version does when it is asked for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without any Python."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    return tmp_path


def test_pythons_are_found_on_the_path_in_pyenv_and_in_uv(machine):
    there = {
        "3.11": python(machine / "path" / "python3.11", "3.11"),
        "3.12": python(machine / "pyenv" / "versions" / "3.12.1" / "bin" / "python3", "3.12"),
        "3.13": python(machine / "uv" / "cpython-3.13.0-linux" / "bin" / "python3", "3.13"),
    }
    assert interpreters() == there


def test_a_python_that_does_not_run_or_is_another_is_passed_over(machine):
    python(machine / "path" / "python3.12", "", code=127)
    python(machine / "path" / "python3.13", "3.10")
    found = python(machine / "pyenv" / "versions" / "3.12.7" / "bin" / "python3", "3.12")
    assert interpreters()["3.12"] == found
    assert interpreters()["3.13"] is None


def test_a_machine_without_pythons_has_none(machine):
    assert interpreters() == {"3.11": None, "3.12": None, "3.13": None}


def test_every_block_of_the_quickstart_that_a_reader_runs_is_in_the_trial():
    text = (ROOT / "docs" / "quickstart.md").read_text()
    found = blocks(ROOT / "docs" / "quickstart.md")
    assert len(found) == text.count("\n```python\n") + text.count("\n```sh\n") > 8


@pytest.mark.parametrize(
    ("language", "text"), [("python", "# a.py\nraise SystemExit('bad')\n"), ("sh", "echo bad; false\ntrue\n")]
)
def test_a_block_that_fails_ends_the_trial_with_what_it_printed(tmp_path, language, text):
    with pytest.raises(TrialError, match="exit code 1\nbad"):
        _run_block(language, text, tmp_path, dict(os.environ) | QUICK)


def test_the_changelogs_newest_section_is_the_versions():
    text = "# Changelog\n\n## [1.2.0] - 2026-01-01\n\n- New.\n\n## [1.1.0]\n\n- Old.\n"
    assert changes(text, "1.2.0") == ("1.2.0", " - 2026-01-01\n\n- New.\n\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Changelog\n", r"does not begin with a section \[1.2.0\]"),
        ("## [1.1.0]\n\n- Old.\n", r"does not begin with a section \[1.2.0\] or \[Unreleased\]"),
        ("## [Unreleased]\n\n## [1.1.0]\n\n- Old.\n", r"section \[Unreleased\] of CHANGELOG.md has no entry"),
    ],
)
def test_a_changelog_that_says_nothing_of_the_version_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        changes(text, "1.2.0")
