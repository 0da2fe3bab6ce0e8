"""aimock, a mock of OpenAI's API by others, as a process of its own.

`make test` installs it from npm, as `tests/providers/aimock/package-lock.json` says.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

FOLDER = Path(__file__).parents[1] / "providers" / "aimock"
PROGRAM = FOLDER / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"

NODE = shutil.which("node")

READY = re.compile(r"listening on (http://\S+)")


class Aimock:
    """A server that runs."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.url = f"{address}/v1"

    def calls(self, method: str, path: str) -> list[dict]:
        """The calls of a path that were made so far."""
        with urlopen(f"{self.address}/__aimock/journal") as reply:
            made = json.load(reply)
        return [each for each in made if each["method"] == method and each["path"].partition("?")[0] == path]


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Aimock]:
    """A server with these options of its command line, on a port that is free."""
    assert PROGRAM.exists(), "aimock is not installed: run `make test`, or `npm ci` in tests/providers/aimock"
    fixtures = folder / "fixtures.json"
    fixtures.write_text('{"fixtures": []}')
    command = [str(NODE), str(PROGRAM), "--fixtures", str(fixtures), "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        lines = iter(process.stdout.readline, "")
        found = next(filter(None, map(READY.search, lines)), None)
        assert found is not None, "aimock has ended before it served"
        yield Aimock(found.group(1))
    finally:
        process.terminate()
        process.communicate(timeout=30)
