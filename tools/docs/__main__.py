"""Building the docs site and checking it: `python -m tools.docs [FOLDER]`, into `site` if nothing is said."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tools.docs.links import problems
from tools.docs.repository import ROOT

__all__ = ["build", "main"]


def build(site: Path) -> bool:
    """Build the site into a folder; a warning ends it, and is printed.

    Returns:
        Whether it was built.
    """
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    # The theme would print a note on a MkDocs that is not out yet.
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if not line.startswith("INFO")]
        print("\n".join(lines), file=sys.stderr)
    return done.returncode == 0


def main(folder: str = "site") -> int:
    """Build and check; print what is wrong. The exit code says whether anything is."""
    site, began = Path(folder).resolve(), time.monotonic()
    if not build(site):
        return 1
    wrong = problems(site)
    for line in wrong:
        print(line, file=sys.stderr)
    pages = len(list(site.rglob("*.html")))
    print(f"{pages} pages, problems: {len(wrong)}; {time.monotonic() - began:.0f} s")
    print(f"open {site / 'index.html'}; as text: llms.txt, llms-full.txt beside it")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
