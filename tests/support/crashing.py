"""A process that dies at a chosen write: before it, or after it and before anybody hears of it."""

from contextlib import contextmanager
from dataclasses import replace

STORE_WRITES = ("commit", "plan", "claim", "save_batch", "save_part", "settle")
BLOB_WRITES = ("put", "writer", "delete")


class Crash(BaseException):
    """Death of the process. No BaseException: nothing in the engine may catch it and go on."""


class Fuse:
    """Counts writes, and burns at one of them.

    Args:
        at: Number of the write at which the process dies, from 0; None never.
        after: Whether the write still happens.
    """

    def __init__(self, at=None, *, after=False):
        self.at = at
        self.after = after
        self.count = 0
        self.log = []

    def pass_through(self, name, call):
        """Let a write happen, or die."""
        number, self.count = self.count, self.count + 1
        self.log.append(name)
        if self.at is not None and number > self.at:
            raise Crash(f"dead since write {self.at}")
        if number != self.at:
            return call()
        if self.after:
            call()
        raise Crash(f"at write {number}, {name}")


class Fused:
    """A port whose writes go through a fuse."""

    def __init__(self, inner, fuse, writes):
        self._inner = inner
        self._fuse = fuse
        self._writes = writes

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if name not in self._writes:
            return found
        if name == "writer":
            return self._writer
        return lambda *args, **kwargs: self._fuse.pass_through(name, lambda: found(*args, **kwargs))

    @contextmanager
    def _writer(self, name):
        """An object appears when its writer is closed: that is the write."""
        inner = self._inner.writer(name)
        out = inner.__enter__()
        try:
            yield out
        except BaseException as error:
            inner.__exit__(type(error), error, error.__traceback__)
            raise
        try:
            self._fuse.pass_through("writer", lambda: inner.__exit__(None, None, None))
        except Crash as crash:
            if not self._fuse.after:
                inner.__exit__(type(crash), crash, crash.__traceback__)
            raise


def fused(runtime, fuse):
    """The runtime, with a fuse in its store, its files and its simulated service.

    Firestore has it in every request that writes, of which one call of the store may make several.
    """
    connection = getattr(runtime.store, "_connection", None)
    if connection is not None:
        commit = connection.commit
        connection.commit = lambda writes: fuse.pass_through("request", lambda: commit(list(writes)))
        return _fused_files(runtime, fuse)
    return replace(_fused_files(runtime, fuse), store=Fused(runtime.store, fuse, STORE_WRITES))


def _fused_files(runtime, fuse):
    blobs = Fused(runtime.blobs, fuse, BLOB_WRITES)
    provider = runtime.providers.named("simulated")
    provider._blobs = blobs
    return replace(runtime, blobs=blobs)
