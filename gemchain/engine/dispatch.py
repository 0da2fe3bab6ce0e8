"""Dispatch: a part of an output becomes callbacks and one commit for each group of rows.

Crash story. A part is leased, read row by row, and handled in groups; a group's callbacks run
first, then everything that follows from them is committed at once, each prompt on condition that it
is still CLAIMED as it was read. Whoever dies before a commit left nothing of that group. Whoever
dies after it left a part that is not DONE: when its lease is over it is dispatched again, and the
rows that were handled find their prompts moved on. The part becomes DONE last, after the forked
chains that ended in it were settled, those that a predecessor handled included.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from gemchain import prices
from gemchain.codec import UNREADABLE
from gemchain.engine.answers import reread
from gemchain.engine.closing import (
    close,
    is_complete,
    scope_of,
    settle,
    settle_marked,
)
from gemchain.engine.correlation import Found, match
from gemchain.engine.delivery import Delivery, Outcome, deliver
from gemchain.engine.leases import free, lease_part, renew_part, renewal_due, returning
from gemchain.engine.lines import read_lines
from gemchain.engine.replay import shared
from gemchain.engine.troubles import Troubles, troubled
from gemchain.errors import BlobNotFoundError, ModelError, StoreConflictError
from gemchain.ports import Provider, Row
from gemchain.records import (
    NO_USAGE,
    AnswerRef,
    Batch,
    Part,
    Prompt,
    RowCounts,
    Usage,
    Verdict,
)
from gemchain.responses import usage_metadata
from gemchain.runtime import Runtime
from gemchain.states import PartState, PromptState

__all__ = ["dispatch", "dispatch_part", "revisit"]

GROUP_BYTES = 16 << 20
"""Bytes of output whose rows are held in memory at once."""

REVISITED = 500
"""Callbacks that run again in one go: nobody holds a lease on them meanwhile."""

GROUP_SECONDS = 1.0
"""Callbacks of one group run no longer than this before what they did is committed."""


def dispatch(runtime: Runtime) -> Iterator[Part]:
    """Dispatch every part that nobody works on.

    Yields:
        Each part when it is DONE, so that whoever drives can look around in between.

    Raises:
        NotSetUpError: The provider of some part is not known here; all other parts are dispatched.
        BlobNotFoundError: The file of some part is not there, or is not of that generation any more; all
            other parts are dispatched.
    """
    lost: BlobNotFoundError | None = None
    troubles = Troubles()
    for part in runtime.store.open_parts():
        if free(part, runtime.store.now()):
            with suppress(StoreConflictError), troubles.of_stage():
                try:
                    yield dispatch_part(runtime, part)
                except BlobNotFoundError as error:
                    lost = lost or error
    troubles.tell()
    if lost is not None:
        raise lost


def dispatch_part(runtime: Runtime, part: Part) -> Part:
    """Dispatch one part, and close its batch if it was the last.

    Raises:
        StoreConflictError: Somebody else works on the part; nothing is lost by stopping.
        NotSetUpError: Its provider is not known here.
    """
    batch = runtime.store.batches([part.batch_id]).get(part.batch_id)
    if batch is None:
        raise StoreConflictError(f"batch {part.batch_id!r} was closed, and removed, by somebody else")
    with troubled(batch.provider):
        runtime.providers.named(batch.provider)
    holder = [lease_part(runtime, part)]
    with returning(runtime, holder):
        _Run(runtime, batch, holder).to_the_end()
    with suppress(StoreConflictError):
        if is_complete(runtime, batch):
            close(runtime, batch)
    return holder[-1]


class _Run:
    """One run over a part.

    Args:
        holder: Its last item is the part as last saved.
    """

    def __init__(self, runtime: Runtime, batch: Batch, holder: list[Part]) -> None:
        self.runtime = runtime
        self.batch = batch
        self.holder = holder
        self.provider: Provider = runtime.providers.named(batch.provider)
        self.counts: Counter[str] = Counter()
        self.usage = NO_USAGE
        self.ended: set[str] = set()
        self.outrun: set[str] = set()

    def to_the_end(self) -> None:
        """All groups, then the chains and joins that ended, then the part."""
        with shared():
            for group in self._groups():
                self._commit(group)
        settle(self.runtime, sorted(self.ended))
        done = replace(
            self.holder[-1],
            state=PartState.DONE,
            leased_until_at=None,
            counts=RowCounts(**self.counts),
            usage=self.usage,
        )
        self.holder.append(self.runtime.store.save_part(done))

    def _groups(self) -> Iterator[list[Found]]:
        """Rows in groups bounded by number, by bytes and by time."""
        part, most = self.holder[-1], self.runtime.settings.group
        uri, generation, _ = part.file
        group: list[Found] = []
        size = 0
        for offset, line in read_lines(self.runtime.blobs, part.file, part.start, part.end):
            try:
                row = self.provider.read_row(line)
            except ValueError:
                self.counts["malformed"] += 1
                continue
            group.append(Found(AnswerRef(uri, generation, offset, len(line)), row))
            size += len(line)
            if len(group) >= most or size >= GROUP_BYTES:
                yield group
                group, size = [], 0
        if group:
            yield group

    def _commit(self, rows: Sequence[Found]) -> None:
        matched = match(self.runtime, self.batch, rows, self.outrun)
        self.counts.update(matched.counts)
        self.ended.update(scope_of(prompt) for prompt in matched.handled if prompt.forked)
        pending: list[_Delivered] = []
        again: list[Found] = []
        write_at = self._write_at()
        for prompt, found in matched.pairs:
            pending.append(self._deliver(prompt, found))
            if self.runtime.store.now() >= write_at:
                again += self._write(pending)
                pending, write_at = [], self._write_at()
        again += self._write(pending)
        if again:
            self._commit(again)

    def _write_at(self) -> datetime:
        """When what has run by then is committed, should the group not be through before."""
        soon = self.runtime.store.now() + timedelta(seconds=GROUP_SECONDS)
        return min(soon, renewal_due(self.runtime, self.holder[-1]))

    def _deliver(self, prompt: Prompt, found: Found) -> "_Delivered":
        usage = _usage(prompt.model, found.row)
        outcome = Outcome(found.row.body, found.row.request, found.row.failure, found.ref, usage)
        return _Delivered(prompt, found, usage, deliver(self.runtime, prompt, outcome, marked=False))

    def _write(self, pending: Sequence["_Delivered"]) -> list[Found]:
        """Commit, and prolong the lease where callbacks take their time.

        Returns:
            The rows whose prompt somebody else moved meanwhile. A row without a name may have a second
            choice, so they are matched anew, each time with one prompt less to choose from.
        """
        verdicts = self.runtime.store.commit([each.delivery.unit for each in pending])
        again = []
        for each, verdict in zip(pending, verdicts, strict=True):
            if verdict is Verdict.APPLIED:
                self._note(each)
            else:
                self.outrun.add(each.prompt.id)
                again.append(each.found)
        if self.runtime.store.now() >= renewal_due(self.runtime, self.holder[-1]):
            self.holder.append(renew_part(self.runtime, self.holder[-1]))
        return again

    def _note(self, done: "_Delivered") -> None:
        self.counts[done.delivery.counts_as] += 1
        self.usage = self.usage.plus(done.usage)
        if done.delivery.ends_branch:
            self.ended.add(scope_of(done.prompt))


class _Delivered(NamedTuple):
    """A row whose callback has run."""

    prompt: Prompt
    found: Found
    usage: Usage
    delivery: Delivery


def _usage(model: str, row: Row) -> Usage:
    return prices.usage(model, usage_metadata(row.body)) if row.body else NO_USAGE


_ANSWERED = frozenset({PromptState.ANSWERED, PromptState.WAITING})


def revisit(runtime: Runtime) -> int:
    """Run the callbacks of ANSWERED prompts again whose rest is over.

    Their answers are read where they lie. Two that revisit at once both run the callback, and one
    of them commits.

    Returns:
        How many prompts moved.
    """
    limit = min(runtime.settings.group, REVISITED)
    prompts = [*runtime.store.due_answers(limit=limit), *runtime.store.ended_waits(limit=limit)]
    if not prompts:
        return 0
    outcomes = [_reread(runtime, prompt) for prompt in prompts if prompt.progress.state in _ANSWERED]
    with shared():
        deliveries = [
            deliver(runtime, prompt, outcome) for prompt, outcome in outcomes if outcome is not None
        ]
    verdicts = runtime.store.commit([each.unit for each in deliveries])
    settle_marked(runtime)
    return verdicts.count(Verdict.APPLIED)


def _reread(runtime: Runtime, prompt: Prompt) -> tuple[Prompt, Outcome | None]:
    """The prompt and its outcome; a prompt whose outcome makes no sense is said to be damaged."""
    if prompt.damage is None:
        try:
            return prompt, reread(runtime, prompt)
        except (*UNREADABLE, ModelError) as error:
            prompt = replace(prompt, damage=f"its outcome cannot be read: {error}")
    return prompt, Outcome()
