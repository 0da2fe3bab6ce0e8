"""What a process does that a record, a row or a signed text must never bring about."""

import os
import sys
from contextlib import contextmanager

FORBIDDEN = (
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "subprocess.Popen",
    "pickle.find_class",
)
"""Events of https://docs.python.org/3/library/audit_events.html that count wherever they happen."""

_READ_ANYWHERE = (".py", ".pyc", ".so", ".toml", ".sql", ".json")
"""Python itself opens what it imports."""


class Watch:
    """What happened while it watched.

    Attributes:
        done: Forbidden events, in order.
        opened: Files that were opened.
    """

    def __init__(self):
        self.done = []
        self.opened = []

    def outside(self, *folders):
        """Files that were opened and lie in none of these folders, those of Python itself left out."""
        inside = tuple(os.path.realpath(each) + os.sep for each in (*folders, sys.prefix, sys.base_prefix))
        return [
            path
            for path in self.opened
            if not (os.path.realpath(path) + os.sep).startswith(inside) and not path.endswith(_READ_ANYWHERE)
        ]


_active: list[Watch] = []


def _hear(event, arguments):
    for watch in _active:
        if event in FORBIDDEN:
            watch.done.append((event, arguments))
        elif event == "open" and isinstance(arguments[0], str | bytes):
            watch.opened.append(os.fsdecode(arguments[0]))


sys.addaudithook(_hear)  # for ever: Python takes none back


@contextmanager
def watched():
    """Watch everything inside the block."""
    watch = Watch()
    _active.append(watch)
    try:
        yield watch
    finally:
        _active.remove(watch)
