"""What stand-ins of batch services share: answers of a simulated model, and what goes wrong with calls."""

import argparse
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import orjson

from gemchain.base.clock import SystemClock
from gemchain.emulators.vertex.faults import CallFaults, parse
from gemchain.ports import Clock
from gemchain.simulated.dialect import Dialect, Responder
from gemchain.simulated.faults import Draws, Faults
from gemchain.simulated.output import Simulation, output_rows
from gemchain.simulated.responders import as_error, respond

__all__ = ["Answered", "BatchOptions", "CallService", "add_options", "batch_options", "timestamp"]


class Answered(NamedTuple):
    """What became of one request.

    Attributes:
        key: What it was named.
        body: The answer; None when it failed.
        error: Why it failed: `code`, `message` and Google's word for the code.
        broken: The line as it is written, when it is no JSON.
    """

    key: str
    body: dict[str, Any] | None
    error: dict[str, Any]
    broken: bytes = b""


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How a stand-in answers.

    Attributes:
        now: The present.
        responder: Answers the requests.
        turnaround: How long a batch takes.
        seed: Seed of everything that is drawn.
    """

    now: Callable[[], datetime]
    responder: Responder
    turnaround: timedelta
    seed: int


def batch_options(
    dialect: Dialect, clock: Clock | None, responder: Responder | None, turnaround: float, seed: int
) -> BatchOptions:
    """The options of a stand-in from what it is given; what is not given is built in."""
    now = (clock or SystemClock()).now
    return BatchOptions(now, responder or dialect.builtin, timedelta(seconds=turnaround), seed)


def add_options(made: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The arguments of a stand-in's program beside where it listens."""
    made.add_argument("--turnaround", type=float, default=5.0, help="seconds that a batch takes (default 5)")
    made.add_argument("--seed", type=int, default=0, help="seed of everything that is drawn (default 0)")
    made.add_argument("--faults", default="", help="what goes wrong, as failed=0.1,create_lost=0.5")
    return made


class CallService:
    """Base class of the services: one call at a time, and the faults of calls and batches.

    Args:
        options: How it answers.
        dialect: How its models speak.
    """

    def __init__(self, options: BatchOptions, dialect: Dialect) -> None:
        self.options = options
        self.dialect = dialect
        self._lock = threading.RLock()
        self._faults, self.calls = Faults(), CallFaults()
        self._random = Random(options.seed)

    def set_faults(self, text: str) -> None:
        """What goes wrong from now on; batches that are not over draw by it too."""
        with self._lock:
            self._faults, self.calls = parse(text)

    @contextmanager
    def call(self) -> Iterator[None]:
        """A block in which no other call does anything."""
        with self._lock:
            yield

    def strikes(self, fault: str) -> bool:
        """Whether a fault of calls strikes this one."""
        return self.calls.happens(fault, self._random)

    def draws(self, job: str) -> Draws:
        """What goes wrong in a batch."""
        return Draws(self._faults, self.options.seed, job)

    def single(self, model: str, request: dict[str, Any]) -> Answered:
        """The answer to a request that is sent alone."""
        asked = self.dialect.as_submitted(request)
        words = self.dialect.problem(asked)
        if words is not None:
            return Answered("", None, {"code": 400, "message": words, "status": "INVALID_ARGUMENT"})
        said = respond(self.options.responder, asked)
        if isinstance(said, Exception):
            told = as_error(said)
            return Answered("", None, orjson.loads(told[told.index("{") :])["error"])
        return Answered("", self.dialect.as_body(said, asked, model, timestamp(self.options.now())), {})

    def answered(
        self, requests: Iterable[tuple[str, dict[str, Any]]], model: str, draws: Draws, seen_at: datetime
    ) -> list[Answered]:
        """What became of each request of a batch; some may be missing, or come twice, in any order."""
        simulation = Simulation(
            self.options.responder, model, draws, timestamp(seen_at), bare=True, dialect=self.dialect
        )
        lines = (orjson.dumps({"key": key, "request": request}) + b"\n" for key, request in requests)
        return list(map(_read, output_rows(lines, simulation)))

    def finished(self, requests: Iterable[str], draws: Draws, share: float) -> set[str]:
        """The requests that were answered before a batch was stopped."""
        return {key for key in requests if share >= 1 or draws.finishes(key, share)}


def _read(row: bytes) -> Answered:
    try:
        read = orjson.loads(row)
    except ValueError:
        return Answered("", None, {}, row)
    return Answered(read["key"], read.get("response"), read.get("error") or {})


def timestamp(moment: datetime) -> str:
    """A moment as services write it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
