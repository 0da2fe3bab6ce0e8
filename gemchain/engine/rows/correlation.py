"""Correlation: which prompt a row of output belongs to.

Rows come in any order, may be missing, doubled or damaged, and a provider does not promise to echo
the id that was sent along. A row that names its prompt is matched by that, any other as `unkeyed` tells.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gemchain.engine.rows.unkeyed import Owners, owners
from gemchain.ports import Row
from gemchain.records import AnswerRef, Batch, Prompt
from gemchain.records.frozen import frozen
from gemchain.records.states import PromptState
from gemchain.runtime import Runtime

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


def match(
    runtime: Runtime,
    batch: Batch,
    rows: Sequence[Found],
    taken: set[str],
    heartbeat: Callable[[], object],
) -> Matched:
    """Find the prompt of every row.

    Args:
        runtime: Where the prompts are.
        batch: The batch that the output belongs to.
        rows: Rows of it.
        taken: Prompts that are spoken for, which get no further row; those that get one here join them.
        heartbeat: Called again and again where this takes minutes.
    """
    unkeyed = {found.ref: found.row for found in rows if found.row.prompt_id is None}
    owned = owners(runtime, batch, unkeyed, heartbeat) if unkeyed else Owners({}, set())
    if unkeyed:
        rows = sorted((each for each in rows if each.ref not in owned.deferred), key=_turn)
    ids = [found.row.prompt_id or owned.found.get(found.ref) for found in rows]
    prompts = runtime.store.prompts({each for each in ids if each is not None})
    pairs, handled, counts = [], [], Counter[str](deferred=len(owned.deferred))
    for found, prompt_id in zip(rows, ids, strict=True):
        prompt = prompts.get(prompt_id or "")
        if prompt is None:
            counts["duplicate" if prompt_id is None and found.ref in owned.found else "unknown"] += 1
        elif prompt.progress.batch_id != batch.id or prompt.progress.state is PromptState.CANCELLED:
            counts["late"] += 1
        elif prompt.progress.state is not PromptState.CLAIMED or prompt.id in taken:
            counts["duplicate"] += 1
            handled.append(prompt)
        else:
            taken.add(prompt.id)
            pairs.append((prompt, found))
    return Matched(pairs, handled, counts)


def _turn(found: Found) -> bool:
    """An answer goes before an error: a row without a name may be there twice, once as each."""
    return found.row.failure is not None
