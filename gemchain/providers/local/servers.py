"""The server of a local model: one process for each model file, shared by all processes of a user.

Three files in the user's runtime folder, named after the model, carry locks. The kernel takes a lock away
from a process that ends, however it ends, so none is ever left behind.

- `.users` is held by every user, together with others, for as long as it wants the server.
- `.start` is held by the one user who looks whether a server runs, and starts it.
- `.server` is held by the server for its life. It contains its address, once it is ready.

Crash story.

- A user that dies, be it by SIGKILL, holds `.users` no more. The server waits for that lock to be free of
  users: it ends at once with the last of them, and never before.
- A user that dies while it starts a server loses `.start`. The next user sees a server that is not ready
  yet and waits for it, or sees none and starts another. Of two that were started, the second finds
  `.server` taken and ends. A server without users ends as soon as it has loaded the model.
- A server that dies (llama.cpp crashes, or out of memory) holds `.server` no more. Its users see that by
  `alive` and open it anew; requests that were on their way are sent again.
- A server that ends by itself holds `.users` alone, so a new user waits until it is gone, and then starts
  another one.
- The address in `.server` is always that of the process that holds it: whoever finds the lock free takes it,
  empties the file, and lets go.

Nothing here asks a service: the server is on loopback, and takes only requests that bear its secret.
"""

import json
import os
import secrets
import stat
import subprocess
import sys
import tempfile
import time
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from gemchain.errors import ConfigurationError, MissingExtraError, ProviderUnavailableError
from gemchain.providers.local.locks import FileLock
from gemchain.providers.local.serve import OTHER_SERVES

__all__ = ["Address", "ModelServer", "check_installed"]

PROGRAM = Path(__file__).with_name("serve.py")
LOOK_AGAIN = 0.05
"""Seconds between two looks at a server that another process is starting, or that is ending."""
WAITING = {"OMP_WAIT_POLICY": "passive"}
"""Threads of llama.cpp that wait for each other sleep. By default they spin, which makes it ten times as slow
when other programs use the processors, too.
https://gcc.gnu.org/onlinedocs/libgomp/OMP_005fWAIT_005fPOLICY.html
"""
LINES_SHOWN = 8
"""Lines of the server's log in an error."""


class Address(NamedTuple):
    """Where a server is.

    Attributes:
        url: Without a path, as `http://127.0.0.1:8080`.
        key: The secret that requests bear as `Authorization: Bearer …`.
        pid: The server's process.
    """

    url: str
    key: str
    pid: int


class ModelServer:
    """A model's server as one user sees it. `open` makes this process a user of it until `close`.

    Args:
        model: The model's file.
        slots: Requests that are answered at the same time.
        context: Tokens of one request and its answer.

    Attributes:
        model: The model's file.
    """

    def __init__(self, model: Path, *, slots: int, context: int) -> None:
        self.model = model
        self._slots = slots
        self._context = context
        self._folder = runtime_folder()
        self._name = self._folder / _key(model, slots, context)
        self._users: FileLock | None = None

    @property
    def log(self) -> Path:
        """What llama.cpp complained about."""
        return self._file("log")

    def open(self) -> Address:
        """Become a user of the server, which is started unless it runs, and wait until it is ready.

        Takes as long as the model takes to load. Called again, it finds or starts the server anew.

        Raises:
            ConfigurationError: llama.cpp cannot serve the model; the message has its words.
            ProviderUnavailableError: The server died while it loaded the model.
        """
        check_installed()
        if self._users is None:
            users = FileLock(self._file("users"))
            users.share()
            self._users = users
        start = FileLock(self._file("start"))
        try:
            start.seize()
            while True:
                alive, address = self._look()
                if address is not None:
                    return address
                if alive:
                    time.sleep(LOOK_AGAIN)
                else:
                    self._start()
        finally:
            start.close()

    def alive(self, address: Address) -> bool:
        """Whether the server that had this address still runs."""
        return self._look()[1] == address

    def close(self) -> None:
        """Use the server no more; it ends when nobody else does. It can be opened again."""
        if self._users is not None:
            self._users.close()
            self._users = None

    def _look(self) -> tuple[bool, Address | None]:
        """Whether a server runs, and its address once it is ready."""
        server = FileLock(self._file("server"))
        try:
            if server.try_to_seize():
                server.clear()
                return False, None
            try:
                return True, Address(**json.loads(server.content()))
            except ValueError:  # it is not ready, or just ending
                return True, None
        finally:
            server.close()

    def _start(self) -> None:
        """Start the server, and wait until it is ready or has found another one there.

        The pipe ends with the process, so nothing is waited for that cannot come.
        """
        ready, write_end = os.pipe()
        options = {
            "users": str(self._file("users")),
            "server": str(self._file("server")),
            "model": str(self.model),
            "key": secrets.token_urlsafe(16),
            "slots": self._slots,
            "context": self._context,
            "threads": _processors(),
            "ready": write_end,
        }
        command = [sys.executable, "-P", str(PROGRAM), json.dumps(options)]
        with os.fdopen(ready, "rb") as told, self.log.open("wb") as log:
            try:
                process = subprocess.Popen(  # noqa: S603 -- our own program
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[write_end],
                    env={**WAITING, **os.environ},
                    start_new_session=True,  # Ctrl-C in this terminal is not meant for the others' server
                )
            finally:
                os.close(write_end)
            if told.read():
                _forget(process)
                return
        code = process.wait()
        if code != OTHER_SERVES:
            raise self._failed(code)

    def _failed(self, code: int) -> ConfigurationError | ProviderUnavailableError:
        if code < 0:
            return ProviderUnavailableError(
                f"by signal {-code} while it loaded the model, as where there is too little memory"
            )
        return ConfigurationError(f"llama.cpp cannot serve {str(self.model)!r}; {self.last_words()}")

    def last_words(self) -> str:
        """Where the server's log is, and how it ends."""
        try:
            said = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            said = []
        last = "\n".join([each for each in said if each.strip()][-LINES_SHOWN:])
        return f"its log ({self.log}) ends with:\n{last}" if last else f"its log ({self.log}) is empty"

    def _file(self, kind: str) -> Path:
        return self._name.with_name(f"{self._name.name}.{kind}")


def check_installed() -> None:
    """Refuse to go on without llama.cpp.

    Raises:
        MissingExtraError: It is not installed.
    """
    from importlib.util import find_spec

    if find_spec("xllamacpp") is None:
        raise MissingExtraError("a local model", "local")


def runtime_folder() -> Path:
    """The folder of this user's locks and addresses, made if need be. Nobody else may read it.

    Raises:
        ConfigurationError: It belongs to somebody else, or cannot be made.
    """
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    folder = base / f"gemchain-local-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise ConfigurationError(
            f"local models need the folder {str(folder)!r}: {error.strerror}; set XDG_RUNTIME_DIR to a "
            "folder that you may write to"
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ConfigurationError(
            f"the folder {str(folder)!r} is not yours alone; remove it, or set XDG_RUNTIME_DIR to another one"
        )
    return folder


def _key(model: Path, slots: int, context: int) -> str:
    """The name of a server's files: the same model under the same settings is one server."""
    found = model.stat()
    of = f"{model}|{found.st_size}|{found.st_mtime_ns}|{slots}|{context}"
    return blake2b(of.encode(errors="surrogateescape"), digest_size=8).hexdigest()


def _processors() -> int:
    """How many processors this process may use; llama.cpp would take all that the machine has."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


_started: list[subprocess.Popen[bytes]] = []


def _forget(process: subprocess.Popen[bytes]) -> None:
    """Leave a server to itself. Those that have ended are reaped at the next call."""
    _started[:] = [each for each in _started if each.poll() is None]
    _started.append(process)
