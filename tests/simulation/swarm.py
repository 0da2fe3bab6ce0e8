"""What a seed draws: which faults it has, how often each strikes, and how the engine is set.

Every fault is off in a good part of the seeds, so that each is also met alone: a run with everything
switched on at once hides what a single fault can do. (Groce et al., "Swarm testing", ISSTA 2012.)

Longer than 300 lines: a seed draws all of it, and each fault is described beside the others.
"""

from dataclasses import dataclass, fields
from random import Random
from typing import Any

from gemchain.settings import Settings
from tests.simulation.scheduler import SECOND


@dataclass(slots=True)
class Rates:
    """How often each fault strikes: a probability for each occasion; 0 is off.

    Attributes:
        switch: Another process runs next.
        delay: A process waits at a point, for up to `longest_delay` seconds.
        stall: A process falls asleep around a write or a call of the service, perhaps past its lease.
        crash: A process dies at a point.
        stop: A process is interrupted as by Ctrl-C.
        commit_lost: A write fails and did nothing.
        reply_lost: A write is done, and its reply lost.
        reply_false: A write is done, and a conflict reported.
        repeated: A commit is sent twice by the store's client.
        read_failed: A read of the store fails.
        blob_failed: A call of the file storage fails and did nothing.
        blob_reply_lost: A file is written, and the reply lost.
        blob_torn: Writing a file breaks off in the middle; nothing of it appears.
        read_torn: Reading a file breaks off in the middle.
        list_late: A listing of files lacks one that was just written.
        closure_forged: Somebody puts code of his own in the place of a function that is stored by value.
        hint_lost: A hint to hurry gets lost.
        hint_doubled: It comes twice.
        hint_late: It comes late, perhaps after others that were given later.
        clock_skewed: A process's clock is ahead, or behind.
        clock_jumps: It is set, forwards or backwards, while the process runs.
        service_down: A call of the batch service fails with 429 or 503, and did nothing.
        create_unclear: A job is created, and an error reported.
        job_rejected: The service refuses the job.
        job_failed: A job fails, nothing is delivered.
        job_expired: A job expires: what is finished is delivered, and it says why the rest is not.
        job_cancelled: Somebody cancels it in the service's console; the same.
        job_partial: It succeeds partially, and does not say so.
        job_forgotten: The service no longer knows a job.
        row_failed: A row with an error that passes.
        row_missing: No row.
        row_malformed: A line that is no row.
        row_doubled: The row comes again, the same or with another end.
        row_keyless: The row has no key, but a label.
        row_nameless: The row has neither; only its echo tells.
        row_stray: A row of somebody else.
        rows_shuffled: The rows come in another order.
        callback_raises: A callback raises on this run.
        callback_fickle: A program awaits something else than in its last run.
    """

    switch: float = 0.0
    delay: float = 0.0
    stall: float = 0.0
    crash: float = 0.0
    stop: float = 0.0
    commit_lost: float = 0.0
    reply_lost: float = 0.0
    reply_false: float = 0.0
    repeated: float = 0.0
    read_failed: float = 0.0
    blob_failed: float = 0.0
    blob_reply_lost: float = 0.0
    blob_torn: float = 0.0
    read_torn: float = 0.0
    list_late: float = 0.0
    closure_forged: float = 0.0
    hint_lost: float = 0.0
    hint_doubled: float = 0.0
    hint_late: float = 0.0
    clock_skewed: float = 0.0
    clock_jumps: float = 0.0
    service_down: float = 0.0
    create_unclear: float = 0.0
    job_rejected: float = 0.0
    job_failed: float = 0.0
    job_expired: float = 0.0
    job_cancelled: float = 0.0
    job_partial: float = 0.0
    job_forgotten: float = 0.0
    row_failed: float = 0.0
    row_missing: float = 0.0
    row_malformed: float = 0.0
    row_doubled: float = 0.0
    row_keyless: float = 0.0
    row_nameless: float = 0.0
    row_stray: float = 0.0
    rows_shuffled: float = 0.0
    callback_raises: float = 0.0
    callback_fickle: float = 0.0
    longest_delay: float = 0.0
    theme: str = ""


COUNTED = (
    *(each.name for each in fields(Rates) if each.name not in ("switch", "longest_delay", "theme")),
    *("lease_outlived", "listing_late", "late_create", "output_early"),
)
"""All faults, and what follows from them: the summary shows above all those that never struck."""

HIGHEST = {
    "delay": 0.05, "stall": 0.15, "crash": 0.03, "stop": 0.01, "commit_lost": 0.08, "reply_lost": 0.08,
    "reply_false": 0.08, "repeated": 0.3, "read_failed": 0.02, "blob_failed": 0.05, "hint_lost": 0.9,
    "hint_doubled": 0.8, "hint_late": 0.8, "clock_skewed": 0.9, "clock_jumps": 0.01, "blob_reply_lost": 0.05,
    "blob_torn": 0.1, "read_torn": 0.03, "list_late": 0.3, "closure_forged": 0.3, "service_down": 0.3,
    "create_unclear": 0.5, "job_rejected": 0.05, "job_failed": 0.2, "job_expired": 0.3, "job_cancelled": 0.2,
    "job_partial": 0.2, "job_forgotten": 0.02, "rows_shuffled": 1.0,
    "row_failed": 0.4, "row_missing": 0.3, "row_malformed": 0.3, "row_doubled": 0.5, "row_keyless": 0.8,
    "row_nameless": 0.6, "row_stray": 0.3, "callback_raises": 0.3,
    "callback_fickle": 0.3,
}  # fmt: skip


THEMES = {
    "races": {"switch": 0.9, "stall": 0.5},
    "rows": {"stall": 0.3, "row_failed": 0.3, "row_doubled": 0.6, "row_missing": 0.1},
    "jobs": {"stall": 0.4, "create_unclear": 0.7, "service_down": 0.2},
    "programs": {"commit_lost": 0.1, "reply_lost": 0.1, "read_failed": 0.02, "callback_raises": 0.1},
}
"""Faults that are met together, so that what needs several is found in hundreds of seeds."""


def draw_rates(random: Random) -> Rates:
    """The faults of a seed: some off, the others anywhere up to their highest."""
    share = random.choice((0.15, 0.4, 0.7))
    rates = Rates(switch=random.choice((0.05, 0.3, 0.9)))
    for each in fields(Rates):
        if each.name in HIGHEST and random.random() < share:
            setattr(rates, each.name, HIGHEST[each.name] * random.random())
    rates.theme = random.choice(("", "", *THEMES))
    for name, rate in THEMES.get(rates.theme, {}).items():
        setattr(rates, name, rate)
    return rates


class Growth:
    """How output grows while its job runs, under half of the seeds.

    It has chance of its own: a seed without growth does what it did before there was any.

    Args:
        wanted: Whether output grows; the seed decides when None.
    """

    def __init__(self, seed: int, wanted: bool | None = None) -> None:
        self.random = Random(f"growth of {seed}")
        share = self.random.choice((0.0, 0.0, 0.5, 1.0))
        self.share = share if wanted is None else float(wanted)

    def longer(self) -> int:
        """How long a job still runs when it has written its rows; 0 for one that shows them at its end."""
        most = self.random.choice((3, 30)) * SECOND
        return self.random.randrange(1, most) if self.random.random() < self.share else 0

    def add_to(self, rates: Rates) -> None:
        """Make more likely what growing output has to do with: rows without an id, and jobs that fail."""
        if self.share:
            rates.row_nameless = max(rates.row_nameless, 0.5)
            rates.job_failed = max(rates.job_failed, 0.15)

    def cuts(self, rows: int) -> list[int]:
        """Where so many rows are cut into files."""
        return sorted(self.random.choices(range(rows + 1), k=self.random.randrange(4)))


class Owners:
    """Whose work the chains of a seed are, and whose each process does, under half of the seeds.

    It has chance of its own, like `Growth`.

    Args:
        wanted: False for a seed without owners; the seed decides otherwise.
    """

    def __init__(self, seed: int, *, wanted: bool = True) -> None:
        self.random = Random(f"owners of {seed}")
        names = self.random.choice(((), (), ("one", "two"), ("", "one", "two")))
        self.names: tuple[str, ...] = names if wanted else ()

    def of_person(self) -> str:
        """To whom the chains belong that one person starts."""
        return self.random.choice(self.names) if self.names else ""

    def of_process(self) -> frozenset[str] | None:
        """Whose work one process does; None for everyone's."""
        if not self.names or self.random.random() < 0.3:
            return None
        return frozenset({self.random.choice(self.names), ""})


PROVIDERS = ("simulated", "second", "third")


class Lanes:
    """Which prompts are sent one at a time, and to whom, under half of the seeds.

    It has chance of its own, like `Growth`.

    Args:
        wanted: Whether there are such prompts; the seed decides when None.

    Attributes:
        share: Share of the prompts that name a lane.
        concurrency: Requests of one batch on their way at the same time.
        down: A provider that cannot be reached until the very end.
    """

    def __init__(self, seed: int, wanted: bool | None = None) -> None:
        self.random = Random(f"lanes of {seed}")
        pick = self.random.choice
        share = pick((0.0, 0.0, 0.5, 1.0))
        self.share = share if wanted is None else max(share, 0.5) * wanted
        many = pick((False, True)) or bool(wanted)
        self.providers = PROVIDERS if self.share and many else PROVIDERS[:1]
        self.down = pick((None, None, PROVIDERS[2])) if len(self.providers) > 1 else None
        self.concurrency = pick((1, 3, 100))
        self._slowest = pick((0.0, 2.0, 30.0))
        self._settings = {
            "escalate_after": pick((0.0, 3.0, 20.0)),
            "direct_below": pick((0, 0, 3)),
            "flush": pick((0.0, 1.0, 5.0)),
        }

    def settings(self, before: Settings) -> Settings:
        """The settings of the seed."""
        return before.changed(**self._settings) if self.share else before

    def of_prompt(self) -> dict[str, Any]:
        """The lane of one prompt, and when it goes over to another."""
        if self.random.random() >= self.share:
            return {}
        after = self.random.choice((None, None, 0.0, 5.0))
        return {"lane": self.random.choice(("direct", "direct", "flex", "batch")), "escalate_after": after}

    def model(self, model: str) -> str:
        """The same model at one of the providers."""
        return f"{self.random.choice(self.providers)}/{model.partition('/')[2]}"

    def latency(self) -> int:
        """How long one request takes."""
        return int(self.random.random() * self._slowest * SECOND)

    def is_down(self, provider: str) -> bool:
        """Whether a provider cannot be reached."""
        return provider == self.down


@dataclass(slots=True)
class Shape:
    """What a seed draws besides faults.

    Attributes:
        drivers: Processes that run the whole engine.
        functions: Processes that run one stage at a time, as functions in a cloud do.
        lag: Seconds within which the service's listing shows a new job.
        turnaround: Seconds that a job takes, at most.
        page: Prompts that one claim takes.
    """

    settings: Settings
    drivers: int
    functions: int
    lag: float
    turnaround: float
    page: int
    job_requests: int


def draw_shape(random: Random, rates: Rates) -> Shape:
    """The engine and the service of a seed: small groups, small parts, short leases."""
    pick, theme = random.choice, rates.theme
    lease = pick((5.0, 20.0)) if not theme else 5.0
    rates.longest_delay = lease * (pick((0.2, 1.5, 4.0)) if not theme else pick((1.5, 4.0)))
    changes: dict[str, Any] = {
        "max_attempts": pick((1, 2, 3)),
        "callback_attempts": pick((1, 2, 3)),
        "retry_delay": pick((0.5, 5.0)),
        "retry_delay_max": 20.0,
        "max_wait": pick((2.0, 20.0)),
        "grace": pick((0.0, 2.0)),
        "max_batch_requests": pick((2, 3, 100)),
        "max_running_batches": pick((1, 2, 8)),
        "part_bytes": pick((300, 1_000, 100_000)),
        "group": pick((1, 2, 50)) if theme != "rows" else 1,
        "lease": lease,
        "poll": pick((2.0, 8.0)),
        "poll_max": 20.0,
        "sweep": pick((5.0, 20.0)),
    }
    return Shape(
        settings=Settings().changed(**changes),
        drivers=random.randrange(3) if not theme else 2,
        functions=random.randrange(3),
        lag=pick((0.0, 3.0, 15.0)) if theme != "jobs" else pick((3.0, 15.0)),
        turnaround=pick((0.0, 10.0, 40.0)),
        page=pick((1, 2, 5_000)),
        job_requests=pick((3, 100)),
    )
