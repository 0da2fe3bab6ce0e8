"""Store, blobs, waker and clock of one simulated process. Every call is a point where faults strike."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from gemchain.errors import BlobError, BlobNotFoundError, StoreConflictError, StoreUnavailableError
from gemchain.functions.closures import Signer
from gemchain.ports import BlobInfo
from tests.simulation import callbacks
from tests.simulation.direct import is_piece
from tests.simulation.scheduler import SECOND

PAGED = ("chain_prompts", "input_rows", "members")
SORTED = ("prompts", "requests", "chains", "batches")
"""What is asked for by a set of ids: the answer comes in an order that does not hang on Python's hashes."""
WRITES = ("commit", "plan", "claim", "save_batch", "save_part", "settle")
COMPARES = ("save_batch", "save_part")


class FaultyStore:
    """The store as one process reaches it: calls get lost on the way there or back.

    Args:
        world: Whose faults and whose checker.
        inner: The checked store; opened when missing.
    """

    def __init__(self, world, inner=None):
        self._world = world
        self._inner = inner or world.handle()

    def owned_by(self, owners):
        """The store as the process reaches it, showing only the work of these owners."""
        return FaultyStore(self._world, self._inner.owned_by(owners))

    def now(self) -> datetime:
        return self._world.scheduler.time()

    def reopen(self):
        """Forget all that a process before this one knew."""
        world = self._world
        self.__dict__.clear()
        self.__init__(world)

    def __getattr__(self, name):
        made = self._make(name, getattr(self._inner, name))
        self.__dict__[name] = made
        return made

    def _make(self, name, call):
        if name in WRITES:
            return lambda *args, **kwargs: self._write(name, call, args, kwargs)
        if name in PAGED:
            return lambda *args, **kwargs: self._pages(name, call, args, kwargs)
        return lambda *args, **kwargs: self._read(name, call, args, kwargs)

    def _read(self, name, call, args, kwargs):
        world = self._world
        world.scheduler.point()
        if world.strikes("read_failed"):
            raise StoreUnavailableError(f"simulated: {name} cannot be read")
        found = call(*args, **kwargs)
        if name == "prompts":
            found = {each: self._maybe_forged(prompt) for each, prompt in found.items()}
        return dict(sorted(found.items())) if name in SORTED else found

    def _maybe_forged(self, prompt):
        if prompt.closure is None or not self._world.strikes("closure_forged"):
            return prompt
        self._world.scheduler.note("FORGED", prompt.id)
        return replace(prompt, closure=forged(prompt.closure, self._world.random))

    def _pages(self, name, call, args, kwargs) -> Iterator:
        pages = call(*args, **kwargs)
        while True:
            self._world.scheduler.point()
            if self._world.strikes("read_failed"):
                raise StoreUnavailableError(f"simulated: {name} cannot be read on")
            try:
                page = next(pages)
            except StopIteration:
                return
            yield page

    def _write(self, name, call, args, kwargs):
        world, scheduler = self._world, self._world.scheduler
        scheduler.point()
        world.stall()
        if kwargs.get("into"):
            world.oversleep()
        if world.strikes("commit_lost"):
            scheduler.note(f"{name} LOST", args)
            raise StoreUnavailableError(f"simulated: {name} never arrived")
        event = scheduler.note(name, args)
        try:
            event.outcome = reply = call(*args, **kwargs)
        except StoreConflictError:
            event.outcome = "conflict"
            scheduler.point()
            raise
        if name == "commit" and world.strikes("repeated"):
            scheduler.note("commit REPEATED by the client")
            reply = call(*args, **kwargs)
        scheduler.point()
        if world.strikes("reply_lost"):
            scheduler.note(f"{name} REPLY LOST")
            raise StoreUnavailableError(f"simulated: the reply to {name} was lost")
        if name in COMPARES and world.strikes("reply_false"):
            scheduler.note(f"{name} DONE BUT CALLED A CONFLICT")
            raise StoreConflictError(f"simulated: the client repeated {name} and met its own success")
        return reply


OURS, THEIRS = "the key of the simulation", "the key of a stranger"


@cache
def _evil(key, role):
    """A function of a stranger, well signed: with a key of his own, or with ours, for another role."""
    return json.loads(Signer(key).sign(callbacks.evil, role))


def forged(closure, random):
    """Stored functions in whose place somebody put another: under his own signature, or one of ours."""
    how = random.choice(("key", "code", "role"))
    signed = {role: json.loads(text) for role, text in json.loads(closure).items()}
    for role, sealed in signed.items():
        evil = _evil(OURS, f"not {role}") if how == "role" else _evil(THEIRS, role)
        sealed.update({"code": evil["code"]} if how == "code" else evil)
    return json.dumps({role: json.dumps(sealed) for role, sealed in signed.items()})


class MemoryBlobs:
    """Files in memory, shared by all processes."""

    def __init__(self):
        self.files = {}
        self.generation = 0

    def put(self, uri, data):
        self.generation += 1
        self.files[uri] = (self.generation, bytes(data))
        return BlobInfo(uri, self.generation, len(data))

    def get(self, uri, generation=None):
        found = self.files.get(uri)
        if found is None or generation not in (None, found[0]):
            raise BlobNotFoundError(f"no object {uri!r} of generation {generation}")
        return found[1]


class FaultyBlobs:
    """The `Blobs` of one process."""

    def __init__(self, world):
        self._world = world
        self._files = world.files

    def _point(self, what):
        self._world.scheduler.point()
        if self._world.strikes("blob_failed"):
            self._world.scheduler.note(f"{what} FAILED")
            raise BlobError(f"simulated: {what} failed")

    def _torn(self, fault, what):
        if self._world.strikes(fault):
            self._world.scheduler.note(f"{what} TORN")
            raise BlobError(f"simulated: {what} broke off")

    def uri(self, name):
        return name if name.startswith("mem://") else f"mem://{name}"

    @contextmanager
    def writer(self, name):
        data = bytearray()
        torn = self._torn

        class Out:
            def write(self, more, /):
                torn("blob_torn", f"writing {name}")
                data.extend(more)
                return len(more)

        yield Out()
        self.put(name, data)

    def put(self, name, data, *, if_absent=False):
        self._point(f"writing {name}")
        if if_absent and self.uri(name) in self._files.files:
            return self.stat(self.uri(name))
        info = self._files.put(self.uri(name), data)
        if is_piece(name):
            self._world.requests.on_piece(info.uri, data)
        self._world.scheduler.note("wrote", (name, len(data)))
        self._world.scheduler.point()
        if self._world.strikes("blob_reply_lost"):
            self._world.scheduler.note(f"writing {name} REPLY LOST")
            raise BlobError(f"simulated: the reply to writing {name} was lost")
        return info

    def stat(self, uri):
        self._point(f"looking at {uri}")
        if uri not in self._files.files:
            return None
        generation, data = self._files.files[uri]
        return BlobInfo(uri, generation, len(data))

    def read(self, uri, *, generation=None, start=0, end=None):
        self._point(f"reading {uri}")
        return self._files.get(uri, generation)[start:end]

    def stream(self, uri, *, generation=None, start=0, chunk=1 << 20):
        piece = min(chunk, 700)
        while True:
            self._point(f"reading {uri}")
            data = self._files.get(uri, generation)[start : start + piece]
            if not data:
                return
            yield data
            self._torn("read_torn", f"reading {uri}")
            start += len(data)

    def list(self, prefix):
        self._point(f"listing {prefix}")
        for uri, (generation, data) in sorted(self._files.files.items()):
            if uri.startswith(self.uri(prefix)):
                yield BlobInfo(uri, generation, len(data))

    def delete(self, uri):
        self._point(f"deleting {uri}")
        self._files.files.pop(uri, None)


class FaultyWaker:
    """Hints that get lost, come twice, or late and after later ones."""

    def __init__(self, world):
        self._world = world

    def dispatch(self, part, /):
        world = self._world
        for _ in range(2 if world.strikes("hint_doubled") else 1):
            if not world.strikes("hint_lost"):
                late = world.random.random() * 20 * SECOND if world.strikes("hint_late") else 0
                world.hints.append((world.scheduler.now + int(late), part))

    def look(self, batch, /):
        """Always lost: every process looks at every batch in its turn."""

    def hurry(self):
        world = self._world
        if not world.strikes("hint_lost"):
            for process in world.resting:
                process.wake_at = min(process.wake_at, world.scheduler.now)


class SkewedClock:
    """The clock of one process: ahead of true time, or behind."""

    def __init__(self, world, process):
        self._world = world
        self._skew = timedelta(microseconds=process.skew)
        self._process = process

    def now(self):
        if self._world.strikes("clock_jumps"):
            self._skew += timedelta(seconds=self._world.random.randrange(-30, 30))
            self._world.scheduler.note("CLOCK JUMPS", self._skew)
        return self._world.scheduler.time() + self._skew

    def sleep(self, seconds):
        world = self._world
        world.resting.append(self._process)
        try:
            world.scheduler.sleep(int(seconds * SECOND))
        finally:
            world.resting.remove(self._process)
