"""`docs/settings.md` is current, lists every setting, and its files of settings are accepted."""

import re

import pytest

from gemchain.configuration.file import find_file
from gemchain.configuration.variables import DEPLOYMENT
from gemchain.settings import Settings
from tests.docs.settings_page import PAGE, descriptions, table, with_table

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_is_what_the_command_makes():
    assert with_table(TEXT) == TEXT, "make it anew with: python -m tests.docs.settings_page"


def test_every_setting_is_described():
    assert list(descriptions()) == Settings.names()


def test_a_changed_description_changes_the_page(monkeypatch):
    monkeypatch.setattr(Settings, "__doc__", Settings.__doc__.replace("Time between two sweeps", "Something"))
    assert table() not in TEXT


@pytest.mark.parametrize("name", ["gemchain.toml", "pyproject.toml"])
def test_the_files_that_it_shows_are_accepted(name, tmp_path):
    block = re.search(rf"```toml\n# {name}\n(.*?)```", TEXT, re.DOTALL).group(1)
    (tmp_path / name).write_text(block, encoding="utf-8")
    values = dict(find_file([tmp_path]).values)
    assert values == {"state": str(tmp_path / "state"), "max_wait": 60, "location": "eu"}


def test_the_variables_of_a_deployment_that_it_names_are_those_that_are_known():
    section = TEXT.partition("## Environment variables")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(GEMCHAIN_\w+)`", section)) == DEPLOYMENT


def test_every_setting_is_read_somewhere():
    package = PAGE.parents[1] / "gemchain"
    paths = [path for path in package.rglob("*.py") if path.name != "settings.py"]
    code = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    unread = [name for name in Settings.names() if not re.search(rf"settings\.{name}\b", code)]
    assert unread == []
