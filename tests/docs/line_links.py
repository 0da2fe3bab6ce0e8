"""Links of a document to the lines of functions; `python -m tests.docs.line_links` sets them right."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "architecture.md"
LINK = re.compile(r"\[`(\w+)`\]\(\.\./([\w/]+\.py)#L(\d+)\)")


def line_of(name, path):
    """The line on which a function or a class begins; None when the file has none of that name."""
    begins = re.compile(rf"(?:def|class) {name}\b")
    lines = enumerate((ROOT / path).read_text().splitlines(), 1)
    return next((number for number, line in lines if begins.match(line)), None)


def mended(text):
    """The text with every link on its line."""
    return LINK.sub(lambda found: f"[`{found[1]}`](../{found[2]}#L{line_of(found[1], found[2])})", text)


if __name__ == "__main__":
    DOCUMENT.write_text(mended(DOCUMENT.read_text()))
