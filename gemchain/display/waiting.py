"""What a run waits for, in one line for each thing, from the store: batches, leases, rests, company."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from gemchain.base.process import this_process
from gemchain.display.formatting import age, count, duration
from gemchain.engine.policy.forecast import landing, turnarounds
from gemchain.ports import Store
from gemchain.records import Batch, Part, QueueStatus
from gemchain.records.lanes import is_own
from gemchain.records.states import BatchState

__all__ = ["waits_for"]

RECENT = 20
"""Batches from which the usual time is taken."""


def waits_for(store: Store) -> list[str]:
    """One line for each thing that is waited for, the one that takes longest first.

    What this process itself has leased is its own work, and it does not wait for that.
    """
    now = store.now()
    batches = store.open_batches()
    usual = turnarounds(store.list_batches(limit=RECENT)) if batches else {}
    found = [
        *_batches(batches, usual, now),
        *_parts(store.open_parts(), now),
        *_rests(store.queues(), now),
        *_callbacks(store, now),
    ]
    return [text for _, text in sorted(found, key=lambda each: -each[0])]


def _batches(
    batches: list[Batch], usual: Mapping[str, timedelta], now: datetime
) -> Iterator[tuple[float, str]]:
    for batch in batches:
        prompts = count(batch.requests, "prompt")
        match batch.state:
            case BatchState.SENT:
                yield _sent(batch, prompts, usual, now)
            case BatchState.WRITTEN:
                lease = None if _is_own(batch) else batch.leased_until_at
                left = _seconds(lease or batch.poll_at, now)
                yield left, f"batch {batch.id[:8]}: {prompts} wait to be sent{_in(left)}"
            case BatchState.PLANNED if batch.leased_until_at is not None and not _is_own(batch):
                left = _seconds(batch.leased_until_at, now)
                yield left, f"batch {batch.id[:8]} is being written; its lease ends{_in(left)}"
            case _:
                pass


def _sent(batch: Batch, prompts: str, usual: Mapping[str, timedelta], now: datetime) -> tuple[float, str]:
    if is_own(batch.lane):
        return 0.0, f"batch {batch.id[:8]}: {prompts}, sent one at a time since {age(batch.sent_at, now)}"
    text = f"batch {batch.id[:8]}: {prompts}, sent {age(batch.sent_at, now)} ago"
    known = usual.get(batch.queue)
    if known is None:
        return 0.0, text
    left = (landing(batch, usual, now) - now).total_seconds()
    return left, f"{text}, usually {duration(known.total_seconds())}: about {duration(left)} left"


def _parts(parts: list[Part], now: datetime) -> Iterator[tuple[float, str]]:
    held = [_seconds(each.leased_until_at, now) for each in parts if not _is_own(each)]
    held = [each for each in held if each > 0]
    if held:
        yield max(held), f"{count(len(held), 'part')} of answers in work; the last lease ends{_in(max(held))}"


def _rests(queues: list[QueueStatus], now: datetime) -> Iterator[tuple[float, str]]:
    for queue in queues:
        if queue.resting:
            left = _seconds(queue.due_at, now)
            yield left, f"{count(queue.resting, 'prompt')} rest before another attempt, the first{_in(left)}"


def _callbacks(store: Store, now: datetime) -> Iterator[tuple[float, str]]:
    left = _seconds(store.next_answer_at(), now)
    if left > 0:
        yield left, f"a callback that raised runs again{_in(left)}"


def _is_own(leased: Batch | Part) -> bool:
    """Whether this process holds the lease, as far as it can tell."""
    return leased.holder is not None and leased.holder == this_process()


def _seconds(at: datetime | None, now: datetime) -> float:
    return 0.0 if at is None else max(0.0, (at - now).total_seconds())


def _in(seconds: float) -> str:
    return f" in {duration(seconds)}" if seconds > 0 else " now"
