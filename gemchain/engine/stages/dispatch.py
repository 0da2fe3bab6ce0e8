"""Dispatch: a part of an output becomes callbacks and one commit for each group of rows.

Crash story. A part is leased, read row by row, and handled in groups. The callbacks of a group run first.
Then all that follows from them is committed at once, each prompt on condition that it is still CLAIMED as it
was read. A process that dies before a commit leaves nothing of that group. A process that dies after it
leaves a part that is not DONE: when its lease is over the part is dispatched again, and the prompts of
handled rows have moved on. The part becomes DONE last, after the forked chains that ended in it were settled,
also those of an earlier run.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from gemchain.engine.answers.delivery import Delivery, Outcome, deliver
from gemchain.engine.answers.replay import shared
from gemchain.engine.answers.stored import read_answer
from gemchain.engine.batches import eager
from gemchain.engine.batches.leases import abandoned, lease_part, renew_part, renewal_due, returning
from gemchain.engine.batches.outages import Outages, outage_of
from gemchain.engine.endings.batches import close, is_complete
from gemchain.engine.endings.chains import scope_of, settle
from gemchain.engine.policy.outlook import Outlook, observe
from gemchain.engine.rows.correlation import Found, match
from gemchain.engine.rows.lines import read_lines
from gemchain.errors import BlobNotFoundError, StoreConflictError
from gemchain.formats import direct_rows
from gemchain.money import prices
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
from gemchain.records.frozen import frozen
from gemchain.records.states import BatchState, PartState, PromptState
from gemchain.runtime import Runtime

__all__ = ["dispatch", "dispatch_part"]

GROUP_BYTES = 16 << 20
"""Bytes of output whose rows are committed at once."""

CHUNK, CHUNK_BYTES = 5_000, 8 << 20
"""Rows and bytes that are read, matched and delivered together, and held in memory at once."""

GROUP_SECONDS = 1.0
"""Callbacks of one group run no longer than this before what they did is committed."""


def _nothing() -> None:
    pass


def dispatch(
    runtime: Runtime, *, without: Container[str] = (), meanwhile: Callable[[], None] = _nothing
) -> Iterator[Part]:
    """Dispatch every part that no process works on.

    Args:
        runtime: Where the parts are.
        without: Providers that nothing is to be sent to, since they are known to be not set up.
        meanwhile: Called after every callback; keep it quick.

    Yields:
        Each part when it is DONE, so that the caller can do other work in between.

    Raises:
        NotSetUpError: The provider of some part is not known here; all other parts are dispatched.
        BlobNotFoundError: The file of some part is not there, or is not of that generation any more; all
            other parts are dispatched.
    """
    lost: BlobNotFoundError | None = None
    outages = Outages()
    for part in runtime.store.open_parts():
        if abandoned(part, runtime.store.now()):
            with suppress(StoreConflictError), outages.of_stage():
                try:
                    yield dispatch_part(runtime, part, without, meanwhile)
                except BlobNotFoundError as error:
                    lost = lost or error
    outages.tell()
    if lost is not None:
        raise lost


def dispatch_part(
    runtime: Runtime, part: Part, without: Container[str] = (), meanwhile: Callable[[], None] = _nothing
) -> Part:
    """Dispatch one part, and close its batch if it was the last.

    Raises:
        StoreConflictError: Another process works on the part; nothing is lost by stopping.
        NotSetUpError: Its provider is not known here.
    """
    batch = runtime.store.batches([part.batch_id]).get(part.batch_id)
    if batch is None:
        raise StoreConflictError(f"batch {part.batch_id!r} was closed and removed by another process")
    with outage_of(batch.provider):
        runtime.providers.named(batch.provider)
    holder = [lease_part(runtime, part)]
    with returning(runtime, holder):
        _Run(runtime, batch, holder, without, meanwhile).to_the_end()
    with suppress(StoreConflictError):
        _close_if_last(runtime, batch)
    return holder[-1]


def _close_if_last(runtime: Runtime, batch: Batch) -> None:
    """Close a batch of which this was the last part.

    A batch whose job was running when the part began may have arrived meanwhile. Here the part is saved first
    and the batch read after it; `collect` saves the batch as ARRIVED first and looks for open parts after it.
    So at least one of the two sees that both are over. If that one dies, the sweep closes the batch.
    """
    if batch.state is not BatchState.ARRIVED:
        batch = runtime.store.batches([batch.id]).get(batch.id, batch)
    if is_complete(runtime, batch):
        close(runtime, batch)


class _Run:
    """One run over a part.

    Args:
        holder: Its last item is the part as last saved.
    """

    def __init__(
        self,
        runtime: Runtime,
        batch: Batch,
        holder: list[Part],
        without: Container[str],
        meanwhile: Callable[[], None],
    ) -> None:
        self.runtime = runtime
        self.meanwhile = meanwhile
        self.without = without
        self.batch = batch
        self.holder = holder
        self.provider: Provider = runtime.providers.named(batch.provider)
        self.wire_format = self.provider.format(batch.model)
        self.counts: Counter[str] = Counter()
        self.usage = NO_USAGE
        self.ended: set[str] = set()
        self.last = False
        self.taken: set[str] = set()
        self.pending: list[_Delivered] = []
        self.size = 0
        self.write_at = self._write_at()

    def to_the_end(self) -> None:
        """All rows, then the chains and joins that ended, then the part."""
        with shared():
            for rows in self._chunks():
                self._take(rows)
            self.last = True
            while self.pending:
                self._write()
        settle(self.runtime, sorted(self.ended))
        done = replace(
            self.holder[-1],
            state=PartState.DONE,
            leased_until_at=None,
            counts=RowCounts(**self.counts),
            usage=self.usage,
        )
        self.holder.append(self.runtime.store.save_part(done))

    def _chunks(self) -> Iterator[list[Found]]:
        """The rows, chunk by chunk."""
        part, most = self.holder[-1], min(CHUNK, self.runtime.settings.group)
        chunk: list[Found] = []
        size = 0
        for offset, line in read_lines(self.runtime.blobs, part.file, part.start, part.end):
            ref = AnswerRef(part.file.uri, part.file.generation, offset, len(line))
            try:
                chunk.append(Found(ref, direct_rows.read_output(self.provider, line)))
            except ValueError:
                self.counts["malformed"] += 1
                continue
            size += len(line)
            if len(chunk) >= most or size >= CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _take(self, rows: Sequence[Found]) -> None:
        """Run what follows these rows, and commit when enough has gathered."""
        matched = match(self.runtime, self.batch, rows, self.taken, self._keep)
        self.counts.update(matched.counts)
        self.ended.update(scope_of(prompt) for prompt in matched.handled if prompt.forked)
        for prompt, found in matched.pairs:
            self.pending.append(self._deliver(prompt, found))
            self.meanwhile()
            self.size += found.ref.length
            if self._is_enough():
                self._write()

    def _is_enough(self) -> bool:
        """Whether what is pending makes a group, by number, by bytes or by time."""
        return (
            len(self.pending) >= self.runtime.settings.group
            or self.size >= GROUP_BYTES
            or self.runtime.store.now() >= self.write_at
        )

    def _write_at(self) -> datetime:
        """When what has run by then is committed, should the group not be through before."""
        soon = self.runtime.store.now() + timedelta(seconds=GROUP_SECONDS)
        return min(soon, renewal_due(self.runtime, self.holder[-1]))

    def _deliver(self, prompt: Prompt, found: Found) -> "_Delivered":
        usage = self._usage(found.row)
        outcome = Outcome(found.row.body, found.row.request, found.row.failure, found.ref, usage)
        delivery = deliver(self.runtime, prompt, outcome, marked=False)
        return _Delivered(prompt, found.ref, usage, delivery)

    def _usage(self, row: Row) -> Usage:
        if not row.body:
            return NO_USAGE
        return prices.usage(self.batch.provider, self.batch.model, self.wire_format.usage(row.body), row.lane)

    def _write(self) -> None:
        """Commit what is pending, and prolong the lease where callbacks take their time.

        Rows whose prompt another process moved meanwhile are matched again, and counted as what they are now.
        """
        pending, self.pending, self.size = self.pending, [], 0
        units = [each.delivery.unit for each in pending]
        if self.last:
            verdicts = eager.commit(
                self.runtime, units, lambda: self._look_out(pending), without=self.without
            )
        else:
            verdicts = self.runtime.store.commit(units)
        pairs = list(zip(pending, verdicts, strict=True))
        outrun = [each.ref for each, verdict in pairs if verdict is not Verdict.APPLIED]
        self._note([each for each, verdict in pairs if verdict is Verdict.APPLIED])
        self._keep()
        self.write_at = self._write_at()
        for start in range(0, len(outrun), CHUNK):
            self._take([self._found(ref) for ref in outrun[start : start + CHUNK]])

    def _keep(self) -> None:
        """Prolong the lease when it is time to."""
        if self.runtime.store.now() >= renewal_due(self.runtime, self.holder[-1]):
            self.holder.append(renew_part(self.runtime, self.holder[-1]))

    def _look_out(self, pending: Sequence["_Delivered"]) -> Outlook:
        """What may soon add to the queues, seen from the end of this part."""
        store, mine = self.runtime.store, self.holder[-1].id
        over = all(each.id == mine for each in store.open_parts(self.batch.id))
        outlook = observe(self.runtime, self.without, handled=self.batch.id if over else None)
        follows = bool(self.ended) or any(_is_followed(each.delivery, outlook.waits) for each in pending)
        return outlook._replace(arriving=outlook.arriving + follows + (not over))

    def _found(self, ref: AnswerRef) -> Found:
        return Found(ref, read_answer(self.runtime, self.batch.provider, ref))

    def _note(self, applied: Sequence["_Delivered"]) -> None:
        self.counts.update(each.delivery.counts_as for each in applied)
        self.ended.update(scope_of(each.prompt) for each in applied if each.delivery.ends_branch)
        if applied:
            self.usage = self.usage.plus(
                Usage(*map(sum, zip(*(each.usage for each in applied), strict=True)))
            )


@frozen()
class _Delivered:
    """A row whose callback has run."""

    prompt: Prompt
    ref: AnswerRef
    usage: Usage
    delivery: Delivery


def _is_followed(delivery: Delivery, waits: int) -> bool:
    """Whether more may come of it without another answer: its callback runs again, or something waited."""
    unit = delivery.unit
    again = any(move.after.state is PromptState.ANSWERED for move in unit.moves)
    return again or delivery.ends_branch or (waits > 0 and unit.ending is not None)
