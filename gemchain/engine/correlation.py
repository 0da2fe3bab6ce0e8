"""Correlation: which prompt a row of output belongs to.

Rows come in any order, may be missing, doubled or damaged, and a provider does not promise to echo
the id that was sent along. A row that names its prompt is matched by that; any other is matched by
the canonical hash of the request it echoes. Identical requests are interchangeable, so rows
without a name take the prompts of their hash in turn, and a row whose answer a prompt holds
already is passed over: a part that is dispatched again gives every row to whom it was given first.

The hashes come from the batch's own input file, and only when a nameless row is met. Whoever
meets it first leaves them beside the input for the others.
"""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from gemchain.engine.lines import read_lines
from gemchain.frozen import frozen
from gemchain.ports import Provider, Row
from gemchain.records import AnswerRef, Batch, OutputFile, Prompt
from gemchain.runtime import Runtime
from gemchain.states import PromptState

__all__ = ["Found", "Matched", "match"]


@frozen()
class Found:
    """A row as it was read, and where."""

    ref: AnswerRef
    row: Row


class Matched(NamedTuple):
    """What became of a group of rows.

    Attributes:
        pairs: Prompts still CLAIMED by the batch, each with its row.
        handled: Prompts that this batch had handled already.
        counts: Rows that lead nowhere, by the field of `RowCounts` they add to.
    """

    pairs: list[tuple[Prompt, Found]]
    handled: list[Prompt]
    counts: Counter[str]


def match(runtime: Runtime, batch: Batch, rows: Sequence[Found], taken: set[str] | None = None) -> Matched:
    """Find the prompt of every row.

    Args:
        runtime: Where the prompts are.
        batch: The batch that the output belongs to.
        rows: Rows of it.
        taken: Prompts that are spoken for, which get no further row; those that get one here join them.
    """
    taken = set() if taken is None else taken
    named = {found.row.prompt_id for found in rows if found.row.prompt_id is not None}
    nameless = [found for found in rows if found.row.prompt_id is None]
    candidates = _by_hash(runtime, batch, nameless) if nameless else {}
    ids = named.union(*candidates.values())
    prompts = runtime.store.prompts(ids)
    pairs, handled, counts = [], [], Counter[str]()
    for found in sorted(rows, key=_turn) if nameless else rows:
        prompt = prompts.get(found.row.prompt_id) if found.row.prompt_id else None
        if found.row.prompt_id is None:
            twins = [prompts[each] for each in candidates.get(_place(found), ()) if each in prompts]
            prompt = _next_of(twins, batch.id, found.ref, taken)
        if prompt is None:
            counts["unknown"] += 1
        elif prompt.progress.batch_id != batch.id or prompt.progress.state is PromptState.CANCELLED:
            counts["late"] += 1
        elif prompt.progress.state is not PromptState.CLAIMED or prompt.id in taken:
            counts["duplicate"] += 1
            handled.append(prompt)
        else:
            taken.add(prompt.id)
            pairs.append((prompt, found))
    return Matched(pairs, handled, counts)


def _turn(found: Found) -> tuple[bool, bool]:
    """Rows with a name go first, since they leave no choice; among the others, answers before errors."""
    return found.row.prompt_id is None, found.row.failure is not None


def _place(found: Found) -> tuple[str, int]:
    return found.ref.uri, found.ref.offset


def _by_hash(runtime: Runtime, batch: Batch, rows: Sequence[Found]) -> dict[tuple[str, int], tuple[str, ...]]:
    """For each nameless row, by its place, the prompts whose request it may echo."""
    provider = runtime.providers.named(batch.provider)
    manifest = _manifest(runtime, batch)
    return {_place(found): manifest.get(_echoed(provider, found.row) or "", ()) for found in rows}


def _echoed(provider: Provider, row: Row) -> str | None:
    """The hash of what a row echoes; None for what no input can have been."""
    try:
        return None if row.request is None else provider.echo_hash(row.request)
    except (TypeError, ValueError, RecursionError):
        return None


def _next_of(twins: Sequence[Prompt], batch_id: str, ref: AnswerRef, taken: set[str]) -> Prompt | None:
    """The prompt that holds this very row already, else the first that waits for one, else any."""
    holding = (each for each in twins if each.progress.answer == ref)
    waiting = (each for each in twins if each.id not in taken and _waits(each, batch_id))
    return next(chain(holding, waiting, twins), None)


def _waits(prompt: Prompt, batch_id: str) -> bool:
    return prompt.progress.state is PromptState.CLAIMED and prompt.progress.batch_id == batch_id


def _manifest(runtime: Runtime, batch: Batch) -> dict[str, tuple[str, ...]]:
    name = f"batches/{batch.id}/manifest-{batch.input_uri and batch.input_uri.rpartition('-')[2]}.txt"
    return _load_manifest(_Source(runtime, batch, name))


class _Source:
    """The key of the cache: a batch's manifest, whatever the runtime."""

    def __init__(self, runtime: Runtime, batch: Batch, name: str) -> None:
        self.runtime, self.batch, self.name = runtime, batch, name

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Source) and other.name == self.name


@lru_cache(maxsize=1)
def _load_manifest(source: _Source) -> dict[str, tuple[str, ...]]:
    blobs = source.runtime.blobs
    if blobs.stat(blobs.uri(source.name)) is None:
        blobs.put(source.name, _make_manifest(source.runtime, source.batch), if_absent=True)
    groups: dict[str, list[str]] = {}
    for line in blobs.read(blobs.uri(source.name)).decode(errors="replace").splitlines():
        digest, _, prompt_id = line.partition(" ")
        groups.setdefault(digest, []).append(prompt_id)
    return {digest: tuple(ids) for digest, ids in groups.items()}


def _make_manifest(runtime: Runtime, batch: Batch) -> bytes:
    assert batch.input_uri is not None
    info = runtime.blobs.stat(batch.input_uri)
    if info is None:
        return b""
    provider = runtime.providers.named(batch.provider)
    file = OutputFile(info.uri, info.generation, info.size)
    pairs = (provider.read_input(line) for _, line in read_lines(runtime.blobs, file, 0, info.size))
    return "".join(f"{digest} {prompt_id}\n" for prompt_id, digest in pairs).encode()
