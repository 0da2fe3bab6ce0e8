"""What the documents say about installing: extras that exist, one for Vertex AI, the set-up of providers."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gemchain.providers.choice import PREFIXES, VERTEX_MODEL, choose_provider

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(path for folder in ("gemchain", "examples") for path in (ROOT / folder).rglob("*.py")),
]
SAID = re.compile(
    r"gemchain\[(\w+)\]|\bextra `(\w+)`|MissingExtraError\([^)]*\"(\w+)\"\)|\[(firebase|gemini)\]\""
)

VERTEX = {"google-cloud-aiplatform", "google-cloud-storage"}
"""The packages that Vertex AI and its files need."""


def lines():
    for page in PAGES:
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            found = {next(filter(None, groups)) for groups in SAID.findall(line)}
            if found:
                yield f"{page.relative_to(ROOT)}:{number}", line, found


def packages(extra):
    return {re.match(r"[\w-]+", requirement).group() for requirement in EXTRAS[extra]}


def test_no_extra_is_empty():
    assert {name for name, requirements in EXTRAS.items() if not requirements} == set()


def test_every_extra_that_is_named_exists():
    said = list(lines())
    assert len(said) > 15
    assert [place for place, _, found in said if not found <= EXTRAS.keys()] == []


def test_every_extra_is_explained_in_the_readme():
    assert set(re.findall(r"^\| `pip install 'gemchain\[(\w+)\]'`", README, re.MULTILINE)) == set(EXTRAS)


def test_vertex_ai_needs_the_extra_gemini_wherever_it_is_said():
    said = [
        (place, found)
        for place, line, found in lines()
        if re.search(r"Vertex|Cloud Storage", line)
        and not line.startswith("| `pip install 'gemchain[firebase]'`")
    ]
    assert len(said) > 5
    assert [place for place, found in said if "gemini" not in found] == []


def test_the_extra_has_what_vertex_ai_needs_and_so_has_that_of_firebase():
    assert packages("gemini") >= VERTEX
    assert packages("firebase") >= VERTEX


PROGRAM = """
import sys
for name in ("google.cloud.storage", "google.cloud.aiplatform_v1", "google.genai"):
    sys.modules[name] = None
import gemchain
try:
    gemchain.configure({settings})
    gemchain.submit("x", {model!r})
    gemchain.run(timeout=5)
except gemchain.ConfigurationError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("gemini-3.5-flash-lite", "blobs='gs://bucket/x', project='p'"),
        ("gemini-api/gemini-3.5-flash-lite", "grace=0"),
    ],
)
def test_without_the_packages_the_error_names_the_extra_gemini(model, settings, tmp_path):
    program = PROGRAM.format(model=model, settings=settings)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "pip install 'gemchain[gemini]'" in done.stdout, done.stderr


def rows():
    """Provider, model and set-up of the README's table."""
    section = README.partition("## Models and providers")[2].partition("\n## ")[0]
    return re.findall(r"^\| ([\w ]+) \| `(\S+)` \| (.+) \|$", section, re.MULTILINE)


def test_the_readme_has_the_set_up_of_every_provider():
    named = {choose_provider(model)[0] for _, model, _ in rows()}
    assert named == set(PREFIXES.values()) | {"vertex"}
    assert VERTEX_MODEL in README


@pytest.mark.parametrize("document", ["README.md", "docs/quickstart.md"])
def test_the_readme_and_the_quickstart_say_how_to_install_before_and_after_pypi(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    assert "not on PyPI yet" in text
    assert "pip install /path/to/gemchain\n" in re.sub(r" +#.*", "", text)
    assert "pip install gemchain" in text


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_demo_installs_the_core_and_nothing_else(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    command = ["make", "--dry-run", "demo"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    installs = [line for line in told.splitlines() if " install " in line]
    assert len(installs) == 1
    assert installs[0].endswith("--editable .")
    assert len(PROJECT["dependencies"]) < 8
