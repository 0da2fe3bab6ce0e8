"""What a package says of itself: its metadata, and the changelog's section on it.

https://packaging.python.org/en/latest/specifications/core-metadata/
"""

import re
from email.parser import HeaderParser

__all__ = ["changes", "metadata_problems"]

HEADING = re.compile(r"^## \[([^\]]+)\]", re.MULTILINE)

EXPECTED = {
    "Name": "gemchain",
    "Requires-Python": ">=3.11",
    "License-Expression": "MIT",
    "License-File": "LICENSE",
    "Description-Content-Type": "text/markdown",
}

PYTHONS = ("3.11", "3.12", "3.13")
"""Versions that the classifiers name, and on which `make dist` tries the wheel."""


def metadata_problems(text: str, version: str) -> list[str]:
    """What is wrong with a wheel's file METADATA, a line each.

    Args:
        text: Its text.
        version: The version that it has to name.
    """
    found = HeaderParser().parsestr(text)
    expected = EXPECTED | {"Version": version}
    wrong = [
        f"{key} is {found[key]!r}, not {value!r}" for key, value in expected.items() if found[key] != value
    ]
    wrong += [f"{key} is missing" for key in ("Summary", "Keywords", "Author") if not found[key]]
    if not str(found.get_payload()).startswith("# gemchain"):
        wrong.append("the description is not the README")
    return wrong + _classifier_problems(found.get_all("Classifier", []))


def _classifier_problems(classifiers: list[str]) -> list[str]:
    from trove_classifiers import classifiers as known

    wrong = [f"no classifier is called {each!r}" for each in classifiers if each not in known]
    needed = [f"Programming Language :: Python :: {each}" for each in PYTHONS] + ["Typing :: Typed"]
    return wrong + [f"the classifier {each!r} is missing" for each in needed if each not in classifiers]


def changes(changelog: str, version: str) -> tuple[str, str]:
    """The changelog's newest section: its name and its text.

    Args:
        changelog: The text of CHANGELOG.md.
        version: The version that is built. Until the section bears it, the section is `Unreleased`.

    Raises:
        ValueError: The newest section is neither of both, or has no entry.
    """
    headings = list(HEADING.finditer(changelog))
    if not headings or headings[0][1] not in {version, "Unreleased"}:
        raise ValueError(f"CHANGELOG.md does not begin with a section [{version}] or [Unreleased]")
    end = headings[1].start() if len(headings) > 1 else len(changelog)
    text = changelog[headings[0].end() : end]
    if not re.search(r"^- ", text, re.MULTILINE):
        raise ValueError(f"the section [{headings[0][1]}] of CHANGELOG.md has no entry")
    return headings[0][1], text
