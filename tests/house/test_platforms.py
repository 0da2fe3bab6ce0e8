"""What holds on Windows and macOS, as far as Linux can show it: docs/platforms.md."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gemchain.blobs.local import LocalBlobs
from gemchain.cli.project.dev import Options, dev
from gemchain.errors import ConfigurationError
from gemchain.stores.sqlite import SqliteStore

PACKAGE = Path(__file__).parents[2] / "gemchain"
POSIX_ONLY = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"}
TEXT_CALLS = {"read_text", "write_text"}

LOCAL_WITHOUT_FCNTL = """
import sys
sys.modules["fcntl"] = None
from gemchain.providers.choice import choose_provider
from gemchain.settings import Settings
from gemchain import ConfigurationError
from gemchain.wiring import _providers
providers = _providers(Settings(), None, None, None)
try:
    providers.choose("local/smollm2")
except ConfigurationError as error:
    print(error)
"""

WITHOUT_FCNTL = """
import sys
sys.modules["fcntl"] = None
import gemchain
from gemchain.cli.app import app
from typer.testing import CliRunner
for arguments in (["--help"], ["config"], ["run", "--help"]):
    assert CliRunner().invoke(app, arguments).exit_code == 0, arguments
try:
    gemchain.configure()
except gemchain.ConfigurationError as error:
    print(error)
"""


def test_on_windows_a_state_folder_is_refused_in_a_sentence_and_the_rest_loads(tmp_path):
    command = [sys.executable, "-c", WITHOUT_FCNTL]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("a state folder needs Linux or macOS: on Windows, run gemchain in WSL 2")
    assert list(tmp_path.iterdir()) == []


def test_on_windows_a_local_model_is_refused_in_a_sentence():
    command = [sys.executable, "-c", LOCAL_WITHOUT_FCNTL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("local models need Linux or macOS: on Windows, run gemchain in WSL 2")


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_modules_that_windows_has_not_are_imported_where_a_sentence_refuses_windows():
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if POSIX_ONLY & set(imported(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert found == {"blobs/unfinished.py", "providers/local/locks.py", "providers/local/serve.py"}


def without_encoding(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in TEXT_CALLS:
            given = {keyword.arg for keyword in node.keywords}
            if "encoding" not in given and ast.unparse(node.args[0] if node.args else node) != "'METADATA'":
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}"


def test_text_files_are_read_and_written_as_utf_8_whatever_the_system_prefers():
    assert [place for path in sorted(PACKAGE.rglob("*.py")) for place in without_encoding(path)] == []


def test_dev_is_refused_where_a_terminal_cannot_hang_up(monkeypatch, tmp_path):
    monkeypatch.delattr(signal, "SIGHUP")
    with pytest.raises(ConfigurationError, match="needs Linux or macOS; on Windows, run it in WSL 2"):
        dev(tmp_path, Options())


def test_on_macos_files_are_synced_to_the_disk_itself(monkeypatch, tmp_path):
    full, asked = 51, []
    monkeypatch.setattr("fcntl.F_FULLFSYNC", full, raising=False)
    monkeypatch.setattr("fcntl.fcntl", lambda number, command: asked.append((os.fstat(number), command)))
    monkeypatch.setattr("os.fsync", lambda _: pytest.fail("fsync does not reach the disk on macOS"))
    LocalBlobs(tmp_path / "files").put("x", b"12345")
    assert {command for _, command in asked} == {full}
    assert 5 in {found.st_size for found, _ in asked}


def test_where_a_file_system_cannot_sync_fully_it_syncs_as_usual(monkeypatch, tmp_path):
    def refuse(*_):
        raise OSError

    sync, synced = os.fsync, []
    monkeypatch.setattr("fcntl.F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr("fcntl.fcntl", refuse)
    monkeypatch.setattr("os.fsync", lambda number: (synced.append(number), sync(number)))
    LocalBlobs(tmp_path / "files").put("x", b"12345")
    assert len(synced) > 1


def test_on_macos_sqlite_syncs_to_the_disk_itself(tmp_path, clock):
    store = SqliteStore(str(tmp_path / "gemchain.db"), clock)
    assert (store._db.row("PRAGMA fullfsync"), store._db.row("PRAGMA checkpoint_fullfsync")) == ((1,), (1,))
    store.close()
