"""The documents are correct: code blocks run, links have targets, commands and settings exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gemchain.cli.app import app
from gemchain.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = [
    ROOT / "README.md",
    *(
        ROOT / "docs" / f"{name}.md"
        for name in ("quickstart", "requests", "input-output", "providers", "webhooks")
    ),
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name(path):
    return str(path.relative_to(ROOT))


def shell(command, folder):
    python = Path(sys.executable)
    environment = os.environ | {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "GEMCHAIN_GRACE": "0",
        "GEMCHAIN_POLL": "0.05",
        "GEMCHAIN_RETRY_DELAY": "0.01",
    }
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("document", RUN, ids=name)
def test_the_blocks_of_a_document_run_one_after_the_other(document, tmp_path):
    blocks = BLOCK.findall(document.read_text(encoding="utf-8"))
    assert {"python", "sh"} <= {language for language, _ in blocks}
    for language, text in blocks:
        if language == "python":
            file = tmp_path / re.match(r"# (\w+\.py)\n", text).group(1)
            file.write_text(text, encoding="utf-8")
            done = shell([sys.executable, file.name], tmp_path)
        elif language == "sh":
            done = shell(["sh", "-eu", "-c", text], tmp_path)
        else:
            # Blocks in bash need the Firebase emulators: tests/firebase/test_readme.py runs them.
            assert language in {"text", "bash"}, f"{language!r} blocks are not run"
            continue
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


def test_the_chain_in_the_readme_prints_its_result(tmp_path):
    found = BLOCK.findall(RUN[0].read_text(encoding="utf-8"))
    text = next(text for language, text in found if language == "python")
    (tmp_path / "article.py").write_text(text, encoding="utf-8")
    done = shell([sys.executable, "article.py"], tmp_path)
    assert "batteries" in done.stdout.lower()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_leads_to_a_file(document):
    for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


def test_every_setting_in_the_quickstart_exists():
    text = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
    section = text.partition("## 9. Settings")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert len(named) > 5
    assert set(named) <= set(Settings.names())


def test_every_command_that_a_document_names_exists():
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    everywhere = set()
    for document in RUN:
        text = document.read_text(encoding="utf-8")
        spans = [*re.findall(r"`(gemchain [^`]+)`", text), *(block for _, block in BLOCK.findall(text))]
        used = set(re.findall(r"gemchain (\w+)(?= |$)", "\n".join(spans), re.MULTILINE))
        assert used <= known | {"import"}, used - known
        everywhere |= used
    assert {"run", "status", "chains", "show"} <= everywhere


def test_the_glossary_is_sorted():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\*\*([\w ]+)\*\*", text, re.MULTILINE)
    assert len(words) > 30
    assert words == sorted(words)


def test_every_decision_has_a_number_a_context_a_decision_and_consequences():
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    for number, decision in enumerate(decisions, 1):
        text = decision.read_text(encoding="utf-8")
        assert decision.name.startswith(f"{number:04d}-")
        assert text.startswith(f"# {number}. ")
        assert re.findall(r"^## (\w+)", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
        assert len(text.splitlines()) < 60
