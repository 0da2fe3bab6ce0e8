"""The waker of Firebase: parts, and batches to look at, become tasks for `gemchainDispatch`.

Tasks are hints. They bear no names, since a name may be refused for hours after its task is gone, and since
the emulator answers a named task with an error after it has queued it; so a part may get two tasks, and its
lease sees to it that one of them does the work. A task that could not be queued is found again by the sweep.

https://firebase.google.com/docs/functions/task-functions
"""

import logging
import threading
from typing import Any

from gemchain.errors import ConfigurationError, MissingExtraError
from gemchain.records import Batch, Part

try:
    import firebase_admin
    from firebase_admin import exceptions, functions
    from google.auth.exceptions import GoogleAuthError
except ImportError as error:
    raise MissingExtraError("The task queue of Firebase", "firebase") from error

__all__ = ["DEADLINE", "CloudTasksWaker"]

log = logging.getLogger("gemchain")

SCHEME = "tasks://"
DEADLINE = 1800
"""Seconds that one task may take, which is the most that Cloud Tasks allows."""

APP = "gemchain"
_FAILURES = (exceptions.FirebaseError, GoogleAuthError, ValueError)
_lock = threading.Lock()


class CloudTasksWaker:
    """Queues a task for every part, and for every batch that is worth a look.

    Args:
        function: The task queue function; its name is the queue's.
        region: Where it runs.
    """

    def __init__(self, function: str = "gemchainDispatch", region: str = "us-central1") -> None:
        self._resource = f"locations/{region}/functions/{function}"
        self._queue: Any = None

    @classmethod
    def from_address(cls, address: str) -> "CloudTasksWaker":
        """The queue at `tasks://REGION/FUNCTION`.

        Raises:
            ConfigurationError: It is no such address.
        """
        region, _, function = address.removeprefix(SCHEME).partition("/")
        if not address.startswith(SCHEME) or not region or not function.replace("-", "").isalnum():
            raise ConfigurationError(
                f"{address!r} is no address of a task queue such as 'tasks://us-central1/gemchainDispatch'"
            )
        return cls(function, region)

    def dispatch(self, part: Part, /) -> None:
        """A part waits to be dispatched. Never raises: the sweep queues what could not be queued now."""
        if error := self._enqueue({"batch": part.batch_id, "part": part.id}):
            log.warning("part %s: no task could be queued, the sweep will: %s", part.id, error)

    def look(self, batch: Batch, /) -> None:
        """A batch is worth a look. Never raises: the sweep looks at every batch anyway."""
        if error := self._enqueue({"batch": batch.id}):
            log.warning("batch %s: no task could be queued, the sweep looks at it: %s", batch.id, error)

    def hurry(self) -> None:
        """Something changed; the schedule of `gemchainAssemble` is quick enough to do without a hint."""

    def _enqueue(self, data: dict[str, str]) -> Exception | None:
        """Queue a task; returns why that could not be done."""
        options = functions.TaskOptions(dispatch_deadline_seconds=DEADLINE)
        try:
            self._open().enqueue({"data": data}, options)
        except _FAILURES as error:
            return error
        return None

    def _open(self) -> Any:
        if self._queue is None:
            self._queue = functions.task_queue(self._resource, app=_app())
        return self._queue


def _app() -> Any:
    """An app of our own, so that the user's default app stays the user's."""
    with _lock:
        try:
            return firebase_admin.get_app(APP)
        except ValueError:
            return firebase_admin.initialize_app(name=APP)
