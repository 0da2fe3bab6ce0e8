"""A stand-in for `java` that firebase-tools calls where the JARs of its emulators are not available.

firebase-tools starts three things with `java`: `-version`, the rules of the Storage emulator
(`-jar FILE serve`), and Firestore (`-jar FILE --host HOST --port PORT …`). `install` writes an executable of
that name which answers all three from here: Firestore is gemchain's own stand-in, and the rules permit
everything, as the Admin SDK that gemchain uses would be permitted anyway. So rules for clients are not tried
here; nor are Firestore triggers.
"""

import argparse
import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

__all__ = ["install", "main", "permit_everything"]

VERSION = 'openjdk version "21.0.2" (not Java: gemchain answers in its place)'
"""firebase-tools reads the first number, and wants 21 or more."""

JARS = ("FIRESTORE_EMULATOR_BINARY_PATH", "STORAGE_EMULATOR_BINARY_PATH")
"""Name files for firebase-tools to use instead of those it would download; any file will do here."""

WATCH = 1.0
"""Seconds between two looks whether firebase-tools is still there."""


def install(folder: Path) -> dict[str, str]:
    """Write the executable into a folder.

    Returns:
        The environment that makes firebase-tools use it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    executable, jar = folder / "java", folder / "stand-in.jar"
    package = Path(__file__).resolve().parents[3]
    executable.write_text(
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(package))} "
        f'exec {shlex.quote(sys.executable)} -m {__spec__.name} "$@"\n',
        encoding="utf-8",
    )
    executable.chmod(0o755)
    jar.write_text("gemchain answers in place of this file\n", encoding="utf-8")
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
    return {"PATH": path, **dict.fromkeys(JARS, str(jar))}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what `java` was asked for.

    Returns:
        The exit status.
    """
    asked = [each for each in (arguments if arguments is not None else sys.argv[1:]) if each[:2] != "-D"]
    if asked == ["-version"]:
        sys.stderr.write(f"{VERSION}\n")
        return 0
    if len(asked) < 3 or asked[0] != "-jar":  # noqa: PLR2004 -- -jar, the file, what for
        sys.stderr.write(f"gemchain stands in for Java in the Firebase emulators only, not for {asked}\n")
        return 2
    _leave_with_parent()
    if asked[2] == "serve":
        signal.signal(signal.SIGINT, lambda *_: os._exit(0))  # how firebase-tools stops it
        return permit_everything(sys.stdin, sys.stdout)
    return _firestore(asked[2:])


def permit_everything(requests: Iterable[str], out: TextIO) -> int:
    """Answer the Storage emulator's questions after its rules, a JSON object a line: all is permitted.

    Returns:
        The exit status, when the questions end.
    """
    _say(out, -1, {})
    for line in requests:
        _say(out, json.loads(line)["id"], {"rulesVersion": 2, "permit": True})
    return 0


def _say(out: TextIO, number: int, result: dict[str, object]) -> None:
    answer = {"id": number, "status": "ok", "errors": [], "warnings": [], "result": result}
    out.write(json.dumps(answer) + "\n")
    out.flush()


def _firestore(options: Sequence[str]) -> int:
    from gemchain.emulators.firestore.__main__ import main as serve

    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default="8080")
    known, _ = parser.parse_known_args(options)
    return serve(["--host", known.host, "--port", known.port])


def _leave_with_parent() -> None:
    """End when firebase-tools ends: it starts this in a group of its own, so nothing else would end it."""
    parent = os.getppid()
    rest = threading.Event()

    def watch() -> None:
        while os.getppid() == parent:
            rest.wait(WATCH)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
