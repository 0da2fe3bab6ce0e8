"""The wheel that `make dist` publishes: what is in it, and what its checks refuse."""

import re
import subprocess
import sys
import zipfile

import pytest

import gemchain
from tools.release import contents
from tools.release.contents import ROOT, problems

VERSION = gemchain.__version__
PYTHON = "Programming Language :: Python"
INFO = f"gemchain-{VERSION}.dist-info"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder / f"gemchain-{VERSION}-py3-none-any.whl"


def changed(wheel, folder, *, add=None, without=None, replace=None):
    """A copy of the wheel with files added, left out, or with other words in them."""
    path = folder / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name).decode()
            if name != without:
                file, words, others = replace or ("", "", "")
                new.writestr(name, data.replace(words, others) if name == file else data)
        for name in add or ():
            new.writestr(name, "something")
    return path


def test_the_wheel_has_everything_it_needs_and_nothing_else(wheel):
    assert problems(wheel, VERSION) == []
    assert wheel.stat().st_size < contents.LARGEST


def test_the_wheel_has_the_emulators_and_no_data_of_them(wheel):
    with zipfile.ZipFile(wheel) as archive:
        emulators = [name for name in archive.namelist() if name.startswith("gemchain/emulators/")]
    assert "gemchain/emulators/firestore/server.py" in emulators
    assert [name for name in emulators if not name.endswith(".py")] == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (
            "gemchain/emulators/firebase/cloud-firestore-emulator.jar",
            "not a file that an installed gemchain reads",
        ),
        ("gemchain/emulators/firestore/rows.jsonl", "not a file that an installed gemchain reads"),
        ("gemchain/notes.txt", "not a file that an installed gemchain reads"),
        ("examples/demo.py", "not a file that an installed gemchain reads"),
        ("gemchain/tests/test_store.py", "only developers of gemchain need it"),
        ("gemchain/stores/test_sqlite.py", "only developers of gemchain need it"),
        ("gemchain/emulators/fixtures/rows.py", "only developers of gemchain need it"),
    ],
)
def test_a_file_that_users_do_not_need_is_a_problem(wheel, tmp_path, name, problem):
    assert problems(changed(wheel, tmp_path, add=[name]), VERSION) == [f"{name}: {problem}"]


@pytest.mark.parametrize(
    "name",
    [
        "gemchain/py.typed",
        "gemchain/stores/sqlite/schema.sql",
        "gemchain/money/prices.toml",
        "gemchain/cli/project/codebase/main.py.txt",
        "gemchain/engine/drive.py",
        f"{INFO}/licenses/LICENSE",
    ],
)
def test_a_file_that_is_missing_is_a_problem(wheel, tmp_path, name):
    assert problems(changed(wheel, tmp_path, without=name), VERSION) == [f"{name}: missing"]


@pytest.mark.parametrize(
    ("file", "words", "others", "problem"),
    [
        ("METADATA", "Expression: MIT", "Expression: X", "License-Expression is 'X', not 'MIT'"),
        ("METADATA", ":: Python :: 3.13", ":: Python :: 3.99", f"no classifier is called '{PYTHON} :: 3.99'"),
        (
            "METADATA",
            ":: Python :: 3.13",
            ":: Python :: 3.12",
            f"the classifier '{PYTHON} :: 3.13' is missing",
        ),
        ("METADATA", "Classifier: Typing :: Typed\n", "", "the classifier 'Typing :: Typed' is missing"),
        ("METADATA", f"Version: {VERSION}", "Version: 9", f"Version is '9', not '{VERSION}'"),
        ("METADATA", "\n# gemchain\n", "\n# other\n", "the description is not the README"),
        ("entry_points.txt", "gemchain.cli:main", "gemchain:gone", "the command gemchain is not declared"),
    ],
)
def test_metadata_that_is_wrong_is_a_problem(wheel, tmp_path, file, words, others, problem):
    made = changed(wheel, tmp_path, replace=(f"{INFO}/{file}", words, others))
    assert problem in problems(made, VERSION)


def test_a_wheel_that_is_too_large_is_a_problem(wheel, monkeypatch):
    monkeypatch.setattr(contents, "LARGEST", 1000)
    (problem,) = problems(wheel, VERSION)
    assert re.fullmatch(r"the wheel has [\d,]+ bytes, more than 1,000", problem)


def test_the_package_and_the_project_name_one_version():
    declared = re.search(r'^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert declared.group(1) == VERSION
