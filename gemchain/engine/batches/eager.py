"""Eager batching: prompts that would be sent at once are created as members of a batch.

Once the callbacks of a group have run, what they submitted is known before it is committed. If the policy
would send it now, a batch is planned, its prompts are created as CLAIMED in the very commit that moves their
parents, and its input file is written from memory. That saves the claim: on Firestore one write of three,
and a read. What the policy holds is QUEUED as ever, and so is what the batch has no room for; what waited
in the queue before goes first, into the same batch.

Crash story. The batch is PLANNED under a lease before it gets members, and each commit holds only if it still
is, under the same fence. A process that dies in between leaves what a death in `assemble` leaves: a PLANNED
batch with some members or none, which the sweep takes over when the lease is out, and sends with what it has.
A commit that comes too late for that conflicts, and is made anew with its children QUEUED. A second run finds
the parents moved on, and commits nothing.
"""

import logging
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta

from gemchain.engine.batches.input_file import plan, write_input
from gemchain.engine.batches.leases import giving_back
from gemchain.engine.policy.escalation import direct_now
from gemchain.engine.policy.limits import LINE, rules
from gemchain.engine.policy.outlook import Outlook, decide
from gemchain.errors import ConfigurationError, GemchainError, ModelError, StoreConflictError
from gemchain.records import (
    QUEUED,
    Batch,
    Draft,
    InputRow,
    Progress,
    Prompt,
    QueueStatus,
    Unit,
    Verdict,
)
from gemchain.records.states import PromptState
from gemchain.runtime import Runtime

__all__ = ["commit"]

log = logging.getLogger("gemchain")

MOST = 100
"""Prompts of one unit that are batched eagerly; a larger unit hardly fits into one call of the store."""

LONG = 5_000
"""Prompts that wait in a queue, beyond which to claim them all takes longer than a dispatch should."""

SHARE = 3
"""What part of a lease may pass while an input file is written; then it goes with what it has."""

Planned = list[tuple[Batch, set[str]]]
"""Batches, each with the ids of the prompts that are created as its members."""


def commit(
    runtime: Runtime,
    units: Sequence[Unit],
    observe: Callable[[], Outlook],
    *,
    without: Container[str] = (),
) -> list[Verdict]:
    """Commit units, and send what they create if the policy would.

    Args:
        runtime: Where to commit.
        units: What to commit.
        observe: Tells what else is under way; asked only when there is something to send.
        without: Providers that nothing is to be sent to.

    Returns:
        One verdict for each unit.
    """
    with ExitStack() as stack:
        planned: Planned = []
        for batch, names in _planned(runtime, _ready(units, without), observe):
            stack.enter_context(giving_back(runtime, batch))
            planned.append((batch, names))
        return _commit(runtime, units, planned) if planned else runtime.store.commit(units)


def _commit(runtime: Runtime, units: Sequence[Unit], planned: Planned) -> list[Verdict]:
    batches = [batch for batch, _ in planned]
    progress = _member_progress(runtime, planned)
    with_members = [_with_members(unit, progress) for unit in units]
    verdicts = runtime.store.commit(with_members, into=batches)
    pairs = list(zip(with_members, verdicts, strict=True))
    applied = [unit for unit, verdict in pairs if verdict is Verdict.APPLIED]
    barred = [place for place, verdict in enumerate(verdicts) if verdict is not Verdict.APPLIED]
    anew = runtime.store.commit([units[place] for place in barred]) if barred else []
    for place, verdict in zip(barred, anew, strict=True):
        verdicts[place] = verdict
    for batch in batches:
        _write(runtime, batch, _rows(applied, batch))
    return verdicts


def _write(runtime: Runtime, batch: Batch, rows: Sequence[InputRow]) -> None:
    """Write the input file. What is committed has to be counted, so an error is for the sweep to meet."""
    until = runtime.store.now() + timedelta(seconds=runtime.settings.lease / SHARE)
    try:
        write_input(runtime, batch, until, rows=rows)
    except StoreConflictError:
        pass  # another process took it over, and sends it
    except (GemchainError, OSError) as error:
        log.warning("batch %s: its input was not written, the sweep will do it: %s", batch.id, error)


def _ready(units: Sequence[Unit], without: Container[str]) -> dict[str, list[Prompt]]:
    """The prompts that could be sent as soon as they are there, by their queue."""
    ready: dict[str, list[Prompt]] = {}
    for unit in units:
        if len(unit.drafts) <= MOST:
            for prompt, _ in unit.drafts:
                if prompt.progress is QUEUED and prompt.provider not in without:
                    ready.setdefault(prompt.queue, []).append(prompt)
    return ready


def _planned(
    runtime: Runtime, ready: Mapping[str, Sequence[Prompt]], observe: Callable[[], Outlook]
) -> Iterator[tuple[Batch, set[str]]]:
    """The batches to send now, each planned when it is its turn."""
    if not ready:
        return
    waiting = {each.queue: each for each in runtime.store.queues()}
    outlook = observe()
    for name, prompts in ready.items():
        with suppress(ConfigurationError, ModelError):  # the assemble stage reports it
            yield from _filled(runtime, waiting.get(name, QueueStatus(name, ready=0)), prompts, outlook)


def _filled(
    runtime: Runtime, queue: QueueStatus, prompts: Sequence[Prompt], outlook: Outlook
) -> Iterator[tuple[Batch, set[str]]]:
    """The batches of one queue."""
    if queue.ready > LONG:
        return
    rest = sorted(prompts, key=_urgency)
    while fitting := _fitting(runtime, queue, rest):
        grown = _grown(runtime, queue, rest)
        decision = decide(runtime, grown, outlook)
        if not decision.send:
            return
        lane = direct_now(runtime, grown, decision.reason)
        yield plan(runtime, queue.queue, lane), {each.id for each in fitting}
        rest = rest[len(fitting) :]
        queue = queue._replace(ready=0, size=0, oldest_at=None)  # what waited has its place in the first


def _fitting(runtime: Runtime, queue: QueueStatus, prompts: Sequence[Prompt]) -> Sequence[Prompt]:
    """As many as fit into one batch beside what waits already."""
    limit = rules(runtime, queue.queue)
    count, size = limit.max_requests - queue.ready, limit.max_bytes - queue.size
    for place, prompt in enumerate(prompts):
        size -= prompt.size + LINE
        if size < 0 or place >= count:
            return prompts[:place]
    return prompts


def _urgency(prompt: Prompt) -> int:
    return -prompt.priority


def _grown(runtime: Runtime, queue: QueueStatus, prompts: Sequence[Prompt]) -> QueueStatus:
    """The queue as it would be with these prompts in it."""
    return queue._replace(
        ready=queue.ready + len(prompts),
        size=queue.size + sum(each.size for each in prompts),
        oldest_at=queue.oldest_at or runtime.store.now(),
    )


def _member_progress(runtime: Runtime, planned: Planned) -> dict[str, Progress]:
    """The progress of each prompt that is created as a member of a batch."""
    now, progress = runtime.store.now(), dict[str, Progress]()
    for batch, names in planned:
        progress |= dict.fromkeys(names, Progress(PromptState.CLAIMED, batch_id=batch.id, claimed_at=now))
    return progress


def _with_members(unit: Unit, progress: Mapping[str, Progress]) -> Unit:
    """The unit, with these of its prompts created as CLAIMED."""
    if not any(draft.prompt.id in progress for draft in unit.drafts):
        return unit
    drafts = tuple(
        Draft(draft.prompt.standing(progress[draft.prompt.id]), draft.request)
        if draft.prompt.id in progress
        else draft
        for draft in unit.drafts
    )
    return Unit(unit.token, unit.chain, drafts, unit.moves, unit.ending)


def _rows(units: Sequence[Unit], batch: Batch) -> list[InputRow]:
    return [
        InputRow(prompt.id, request, prompt.request_hash)
        for unit in units
        for prompt, request in unit.drafts
        if prompt.progress.batch_id == batch.id
    ]
