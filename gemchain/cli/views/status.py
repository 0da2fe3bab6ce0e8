"""`gemchain status`: counts of chains, prompts and batches, what they wait for, and what to type next."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from gemchain.cli.output.json_data import batch_data, json_value, print_json
from gemchain.cli.output.screen import NAME, Row, Section, print_rows
from gemchain.cli.state.opening import existing
from gemchain.cli.views.advice import advise
from gemchain.cli.views.continuing import Advice
from gemchain.cli.views.failures import MOST_READ, Group, by_fingerprint, failed_chains, parked_prompts
from gemchain.display.console import PlainConsole
from gemchain.display.formatting import KINDS, Models, age, count, models_of, moment, money, sent_to, tokens
from gemchain.ports import Store
from gemchain.records import NO_USAGE, Batch, Prompt, QueueStatus
from gemchain.records.lanes import is_own
from gemchain.records.states import BatchState, PromptState
from gemchain.runtime import Runtime

__all__ = ["gather", "show_status"]

NAMES = 3
"""Names of waits that are listed."""

WAITING = 1_000
"""Prompts that wait, and batches, that are read for what they wait for."""


def show_status(state: str | None, *, full: bool = False, as_json: bool) -> None:
    """Print the status of a state folder; a screen of it at most, unless it is asked for in full."""
    with existing(state) as runtime:
        place = f" --state {shlex.quote(state)}" if state else ""
        if as_json:
            print_json(gather(runtime, place))
            return
        console = PlainConsole()
        print_rows(console, _sections(runtime, place, console.width), full=full)


def gather(runtime: Runtime, place: str = "") -> dict[str, Any]:
    """The status as data, for `--json`."""
    store = runtime.store
    counters, batches = store.counters(), store.open_batches()
    parked, failed = parked_prompts(store), failed_chains(store)
    return {
        "state": runtime.settings.state,
        "chains": json_value(counters.chains),
        "prompts": json_value(counters.prompts),
        "batches": json_value(counters.batches),
        "usage": json_value(counters.usage),
        "queues": [json_value(queue) for queue in store.queues()],
        "open_batches": [batch_data(batch) for batch in batches],
        "next_callback_at": json_value(store.next_answer_at()),
        "parked": [_group_data(each) for each in by_fingerprint(parked)],
        "failed": [_group_data(each) for each in by_fingerprint(failed)],
        "next": [each._asdict() for each in advise(store, place, parked, failed)],
    }


def _group_data(group: Group) -> dict[str, Any]:
    data = group._asdict() | {"count": group.number, "place": str(group.place) if group.place else None}
    del data["number"]
    return data


def _sections(runtime: Runtime, place: str, width: int) -> list[Section]:
    store = runtime.store
    counters, now = store.counters(), store.now()
    if not counters.chains:
        return [Section([Row("", f"No chain was ever started in {runtime.settings.state!r}.")])]
    parked, failed = parked_prompts(store), failed_chains(store)
    return [
        Section(list(_totals(store))),
        Section(list(_waiting(store, now)), is_long=True),
        Section(list(_failures("parked", "yellow", by_fingerprint(parked), now, width)), is_long=True),
        Section(list(_failures("failed", "red", by_fingerprint(failed), now, width)), is_long=True),
        Section(list(_notes(len(parked), len(failed)))),
        Section(list(_next(advise(store, place, parked, failed))), gives_way=True),
    ]


def _totals(store: Store) -> Iterator[Row]:
    counters = store.counters()
    yield _counts("chains", json_value(counters.chains))
    yield _counts("prompts", json_value(counters.prompts))
    yield _counts("batches", json_value(counters.batches))
    if counters.usage != NO_USAGE:
        yield Row("tokens", tokens(counters.usage))
        if paid := money(counters.usage, _models(store, sum(counters.batches.values()))):
            yield Row("money", paid)


def _models(store: Store, batches: int) -> Models:
    """The models that were used; none when some batches are removed, since theirs are not known any more.

    Without models the sum is shown, and nothing is said of whether it was spent.
    """
    found = store.list_batches(limit=WAITING)
    return models_of(found) if len(found) >= min(batches, WAITING) else Models()


def _counts(name: str, counts: dict[str, int]) -> Row:
    found = [f"{number:,} {state}" for state, number in counts.items() if number]
    return Row(name, " · ".join(found) or "none")


def _waiting(store: Store, now: datetime) -> Iterator[Row]:
    for batch in store.open_batches():
        yield Row("waits", _batch_waits(store, batch, now))
    for queue in store.queues():
        yield Row("waits", _queue_waits(queue, now))
    waiting = store.list_prompts(state=PromptState.WAITING, limit=WAITING)
    for kind, number in Counter(prompt.kind for prompt in waiting).items():
        yield Row("waits", f"{count(number, 'prompt')}: {KINDS.get(kind, kind)}{_for_whom(kind, waiting)}")
    if store.counters().prompts.get(PromptState.ANSWERED):
        yield from _answered(store, now)


def _answered(store: Store, now: datetime) -> Iterator[Row]:
    """Prompts that have their answer, by why their function has not run yet."""
    found = store.list_prompts(state=PromptState.ANSWERED, limit=WAITING)
    reasons: dict[str, list[Prompt]] = {}
    for prompt in found:
        reasons.setdefault(_why_answered(prompt), []).append(prompt)
    for why, prompts in reasons.items():
        times = [each.progress.not_before_at for each in prompts if each.progress.not_before_at is not None]
        at = min(times) if len(times) == len(prompts) else None
        yield Row("waits", f"{count(len(prompts), 'answered prompt')}: {why} {_when(at, now)}")


def _why_answered(prompt: Prompt) -> str:
    progress = prompt.progress
    if progress.callback_attempts:
        raised = f" ({_first_line(progress.failure.message)})" if progress.failure else ""
        return f"the callback raised{raised}, it runs again"
    if prompt.kind == "wait":
        return "it was resumed, and its chain goes on"
    if progress.not_before_at is not None and progress.answered_at is not None:
        return "the callback asked to run later, it runs again"
    return "the callback has not run yet, it runs"


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _for_whom(kind: str, waiting: Sequence[Prompt]) -> str:
    """The names of the waits that a person has to resume."""
    if kind != "wait":
        return ""
    names = list(dict.fromkeys(prompt.key or "unnamed" for prompt in waiting if prompt.kind == kind))
    more = f", and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return f" ({', '.join(names[:NAMES])}{more})"


def _batch_waits(store: Store, batch: Batch, now: datetime) -> str:
    prompts = count(batch.requests, "prompt")
    match batch.state:
        case BatchState.PLANNED:
            return f"batch {batch.id} is being written, by {_lease_holder(batch.leased_until_at, now)}"
        case BatchState.WRITTEN:
            return f"{prompts} of batch {batch.id} wait to be sent to {batch.provider}:{batch.model}"
        case BatchState.SENT:
            sent = age(batch.sent_at, now)
            if not store.counters().prompts.get(PromptState.CLAIMED):
                return f"nothing waits for batch {batch.id} any more; stop it with gemchain cancel {batch.id}"
            if is_own(batch.lane):
                return f"batch {batch.id}: {prompts}, sent one at a time to {sent_to(batch)} since {sent}"
            return (
                f"{prompts} wait for batch {batch.id}, sent to {batch.provider}:{batch.model} {sent} ago; "
                f"polled again {_when(batch.poll_at, now)}"
            )
        case _:
            left = len(store.open_parts(batch.id))
            return (
                f"batch {batch.id} has arrived; {left:,} of {count(batch.parts, 'part')} not dispatched yet"
            )


def _lease_holder(until: datetime | None, now: datetime) -> str:
    if until is None or until <= now:
        return "no process any more; the next process that runs takes it over"
    return f"a process whose lease ends at {moment(until)}"


def _when(at: datetime | None, now: datetime) -> str:
    return "as soon as a process runs" if at is None or at <= now else f"at {moment(at)}"


def _queue_waits(queue: QueueStatus, now: datetime) -> str:
    name = queue.queue.partition("/")[2]
    parts = []
    if queue.ready:
        since = f", the oldest for {age(queue.oldest_at, now)}" if queue.oldest_at else ""
        parts.append(f"{count(queue.ready, 'prompt')} for {name} wait for the next batch{since}")
    if queue.resting:
        resting = count(queue.resting, "prompt")
        parts.append(f"{resting} for {name} wait for another attempt {_when(queue.due_at, now)}")
    return "; ".join(parts)


def _failures(name: str, style: str, groups: Sequence[Group], now: datetime, width: int) -> Iterator[Row]:
    for each in groups:
        since = f"  {age(each.since, now)} ago" if each.since else ""
        room = width - NAME - len(f"e.g. {each.example}  {since}")
        where = f"  in {each.function}()" if each.function else ""
        if each.place:
            where = f"  {each.place.within(room)}"
        text = f"{each.number:,} ({each.reason}): {each.message}"
        yield Row(name, text, style, f"e.g. {each.example}{where}{since}")


def _notes(parked: int, failed: int) -> Iterator[Row]:
    if max(parked, failed) >= MOST_READ:
        yield Row("", f"only {MOST_READ:,} of each were read for their reasons", "dim")


def _next(advice: Sequence[Advice]) -> Iterator[Row]:
    for place, each in enumerate(advice):
        if each.why:
            yield Row("next" if place == 0 else "", f"{each.why}:" if each.command else each.why)
        if each.command:
            yield Row("", f"  {each.command}", is_command=True)
    if not advice:
        yield Row("next", "nothing to do: everything has ended")
