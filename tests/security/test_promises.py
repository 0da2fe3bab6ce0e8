"""`SECURITY.md` promises nothing that no code and no test stands for."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py|[\w/]+/)`", TEXT)))


@pytest.mark.parametrize("name", NAMED)
def test_every_file_that_is_named_is_there(name):
    assert (ROOT / name).exists() or (ROOT / "gemchain" / name).exists()


def test_every_test_of_security_is_named():
    own = {"test_promises.py"}
    here = {each.name for each in Path(__file__).parent.glob("test_*.py")} - own
    assert {name.rpartition("/")[2] for name in NAMED} >= here


@pytest.mark.parametrize("setting", re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", TEXT, re.MULTILINE))
def test_every_setting_that_matters_exists(setting):
    from gemchain.settings import Settings

    assert set(re.findall(r"`(\w+)`", setting)) <= set(Settings.names())
