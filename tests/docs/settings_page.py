"""The page `docs/settings.md`, made from `gemchain/settings.py`: `python -m tests.docs.settings_page`."""

import inspect
import re
from dataclasses import MISSING, fields
from pathlib import Path

from gemchain.configuration.file import PATHS
from gemchain.configuration.variables import variable_of
from gemchain.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
BEGIN = "<!-- made by `python -m tests.docs.settings_page` from gemchain/settings.py -->\n"
END = "<!-- end -->\n"


def descriptions():
    """What the docstring of `Settings` says of each setting."""
    text = inspect.getdoc(Settings).partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", text, re.MULTILINE)
    return {name: " ".join(said.split()) for name, said in entries}


def _default(each):
    value = each.default_factory() if each.default is MISSING else each.default
    return "" if value == "" else f"`{value}`"


def _row(each, said):
    kind = "path" if each.name in PATHS else type(getattr(Settings(), each.name)).__name__
    where = "" if each.repr else " A secret: not in a file."
    text = said.replace("|", "\\|")
    return f"| `{each.name}` | `{variable_of(each.name)}` | {kind} | {_default(each)} | {text}{where} |\n"


def table():
    """The table of all settings, in the order of `Settings`."""
    said = descriptions()
    head = "| setting | environment variable | type | default | what it is |\n|---|---|---|---|---|\n"
    return head + "".join(_row(each, said[each.name]) for each in fields(Settings))


def with_table(text):
    """The page with a table that is current."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
