"""Whether firebase-tools can run its own Java emulators here, or needs gemchain's stand-ins."""

import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

__all__ = ["why_not_official"]

JAVA = 21
"""The oldest that firebase-tools takes."""

DOWNLOADS = "https://storage.googleapis.com/firebase-preview-drop/emulator/"
PATIENCE = 5.0


def why_not_official() -> str | None:
    """Why Java's emulators cannot be used, in words for a person; None when they can."""
    version = _java_version()
    if version is None:
        return "Java is not installed"
    if version < JAVA:
        return f"Java is version {version}, and firebase-tools needs {JAVA}"
    cache = Path.home() / ".cache" / "firebase" / "emulators"
    if any(cache.glob("cloud-firestore-emulator-*.jar")) or _reachable():
        return None
    return "the emulators of Firebase are not downloaded, and cannot be now"


def _java_version() -> int | None:
    java = shutil.which("java")
    if java is None:
        return None
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r'version "(\d+)', said.stderr)
    return int(found.group(1)) if found else None


def _reachable() -> bool:
    request = urllib.request.Request(DOWNLOADS, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE):  # noqa: S310 -- a constant
            return True
    except urllib.error.HTTPError:
        return True  # it answers, if only to say that there is no list
    except OSError:
        return False
