"""The patterns in docs/chains.md run as files of their own, and print the text that follows them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "chains.md").read_text(encoding="utf-8")
PATTERNS = re.findall(r"```python\n# (\w+\.py)\n(.*?)```\n\n```text\n(.*?)```", TEXT, re.DOTALL)


def run(name, code, folder):
    file = folder / name
    file.write_text(code, encoding="utf-8")
    environment = os.environ | {"GEMCHAIN_GRACE": "0", "GEMCHAIN_POLL": "0.05"}
    return subprocess.run(
        [sys.executable, file.name], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("name", "code", "printed"), PATTERNS, ids=[name for name, _, _ in PATTERNS])
def test_a_pattern_prints_the_text_that_follows_it(name, code, printed, tmp_path):
    done = run(name, code, tmp_path)
    assert (done.returncode, done.stdout) == (0, printed), done.stderr


def test_every_block_of_code_is_run():
    assert len(PATTERNS) == TEXT.count("```python") == 6
