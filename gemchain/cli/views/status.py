"""`gemchain status`: counts of chains, prompts and batches, what they wait for, and what to type next."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from rich.text import Text

from gemchain.cli.output.console import PlainConsole
from gemchain.cli.output.formatting import KINDS, age, count, models_of, moment, money, tokens
from gemchain.cli.output.json_data import batch_data, json_value, print_json
from gemchain.cli.state.opening import existing
from gemchain.ports import Store
from gemchain.records import NO_USAGE, Batch, Chain, Prompt, QueueStatus
from gemchain.records.states import OPEN_PROMPT, BatchState, ChainState, PromptState
from gemchain.runtime import Runtime

__all__ = ["gather", "show_status"]

MOST_READ = 1000
"""Parked or failed records that are read for their reasons."""


def show_status(state: str | None, *, as_json: bool) -> None:
    """Print the status of a state folder."""
    with existing(state) as runtime:
        if as_json:
            print_json(gather(runtime))
            return
        console = PlainConsole()
        for line in _lines(runtime, f" --state {state}" if state else ""):
            console.print(line, soft_wrap=True, highlight=False)


def gather(runtime: Runtime) -> dict[str, Any]:
    """The status as data, for `--json`."""
    store = runtime.store
    counters, batches = store.counters(), store.open_batches()
    return {
        "state": runtime.settings.state,
        "chains": json_value(counters.chains),
        "prompts": json_value(counters.prompts),
        "batches": json_value(counters.batches),
        "usage": json_value(counters.usage),
        "queues": [json_value(queue) for queue in store.queues()],
        "open_batches": [batch_data(batch) for batch in batches],
        "next_callback_at": json_value(store.next_answer_at()),
        "parked": _parked(store),
        "failed": _failed(store),
    }


def _parked(store: Store) -> list[dict[str, Any]]:
    prompts = store.list_prompts(state=PromptState.PARKED, limit=MOST_READ)
    return _by_reason((prompt, prompt.progress.answered_at) for prompt in prompts)


def _failed(store: Store) -> list[dict[str, Any]]:
    chains = store.list_chains(state=ChainState.FAILED, limit=MOST_READ)
    return _by_reason((chain, chain.ended_at) for chain in chains)


def _by_reason(found: Iterable[tuple[Prompt | Chain, datetime | None]]) -> list[dict[str, Any]]:
    """One entry for each reason and message, the most frequent first."""
    kinds: dict[tuple[str, str], list[tuple[str, datetime | None]]] = defaultdict(list)
    for record, since in found:
        failure = record.progress.failure if isinstance(record, Prompt) else record.failure
        kind = (failure.reason, failure.message.partition("\n")[0]) if failure else ("", "no reason was kept")
        kinds[kind].append((record.id, since))
    return [
        {
            "reason": reason,
            "message": message,
            "count": len(members),
            "since": json_value(min((since for _, since in members if since), default=None)),
            "example": members[0][0],
        }
        for (reason, message), members in sorted(kinds.items(), key=lambda item: -len(item[1]))
    ]


def _lines(runtime: Runtime, place: str) -> Iterator[Text]:
    store = runtime.store
    counters, now = store.counters(), store.now()
    if not counters.chains:
        yield Text(f"No chain was ever started in {runtime.settings.state!r}.")
        return
    yield _counts("chains", json_value(counters.chains))
    yield _counts("prompts", json_value(counters.prompts))
    yield _counts("batches", json_value(counters.batches))
    if counters.usage != NO_USAGE:
        yield _row("tokens", tokens(counters.usage))
        if paid := money(counters.usage, models_of(store.list_batches(limit=MOST_READ))):
            yield _row("money", paid)
    yield from _waiting(store, now)
    yield from _failures("parked", "yellow", _parked(store), now)
    yield from _failures("failed", "red", _failed(store), now)
    yield from _advice(store, place)


def _row(name: str, text: str) -> Text:
    return Text(f"{name:<9}", style="dim").append(text, style="not dim")


def _counts(name: str, counts: dict[str, int]) -> Text:
    return _row(
        name, " · ".join(f"{number:,} {state}" for state, number in counts.items() if number) or "none"
    )


def _waiting(store: Store, now: datetime) -> Iterator[Text]:
    for batch in store.open_batches():
        yield _row("waits", _batch_waits(store, batch, now))
    for queue in store.queues():
        yield _row("waits", _queue_waits(queue, now))
    waiting = store.list_prompts(state=PromptState.WAITING, limit=MOST_READ)
    for kind, number in Counter(prompt.kind for prompt in waiting).items():
        yield _row("waits", f"{count(number, 'prompt')}: {KINDS.get(kind, kind)}{_for_whom(kind, waiting)}")
    due = store.next_answer_at()
    if due is not None:
        answered = store.counters().prompts.get(PromptState.ANSWERED, 0)
        yield _row(
            "waits",
            f"{count(answered, 'answered prompt')}: the callback raised, it runs again {_when(due, now)}",
        )


def _for_whom(kind: str, waiting: list[Prompt]) -> str:
    if kind != "wait":
        return ""
    first = next(prompt for prompt in waiting if prompt.kind == kind)
    return f" ({first.key or 'unnamed'}); e.g. gemchain resume {first.chain_id} VALUE"


def _batch_waits(store: Store, batch: Batch, now: datetime) -> str:
    prompts = count(batch.requests, "prompt")
    match batch.state:
        case BatchState.PLANNED:
            return f"batch {batch.id} is being written, by {_lease_holder(batch.leased_until_at, now)}"
        case BatchState.WRITTEN:
            return f"{prompts} of batch {batch.id} wait to be sent to {batch.provider}:{batch.model}"
        case BatchState.SENT:
            sent = age(batch.sent_at, now)
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


def _failures(name: str, style: str, found: list[dict[str, Any]], now: datetime) -> Iterator[Text]:
    for each in found:
        since = datetime.fromisoformat(each["since"]) if each["since"] else None
        line = _row(name, "").append(f"{each['count']:,} ({each['reason']}): {each['message']}", style=style)
        line.append(f"  since {age(since, now)}" if since else "", style="dim")
        yield line.append(f"  e.g. {each['example']}", style="dim")


def _advice(store: Store, place: str) -> Iterator[Text]:
    counters = store.counters()
    stuck = counters.prompts.get(PromptState.PARKED, 0) + counters.prompts.get(PromptState.FAILED, 0)
    if stuck:
        yield _row("next", f"gemchain show ID{place}, fix the cause, then gemchain retry --all{place}")
    if stuck or any(counters.prompts.get(state) for state in OPEN_PROMPT):
        yield _row("next", f"{_run_command(store)}{place}   continues everything")
    else:
        yield _row("next", "nothing to do: everything has ended")


def _run_command(store: Store) -> str:
    newest = store.list_chains(state=ChainState.RUNNING, limit=1) or store.list_chains(limit=1)
    module, _, function = newest[0].function.partition(":") if newest else ("FILE", ":", "FUNCTION")
    return f"gemchain run {module.replace('.', '/')}.py:{function} --input … --output …"
