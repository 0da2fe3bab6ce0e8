"""Requests of a batch that we send ourselves: read from its input file, and those that are still wanted."""

from collections.abc import Iterator, Sequence

import orjson

from gemchain.formats.direct_rows import write_row
from gemchain.ports import Provider
from gemchain.records import Batch, Failure, InputRow, Progress
from gemchain.records.states import PromptState
from gemchain.runtime import Runtime

__all__ = ["still_wanted", "unanswered"]

READ = 1 << 20
"""Bytes of the input file that are read at a time."""

TOO_LATE = Failure("deadline", "the prompt was not sent before its deadline")


def still_wanted(
    runtime: Runtime, batch: Batch, rows: Sequence[InputRow]
) -> tuple[list[InputRow], list[bytes]]:
    """Of these, the prompts that the batch still holds: others were answered, cancelled or given up.

    One that is past its deadline is not asked: it gets a row that says so.
    """
    wanted: list[InputRow] = []
    late: list[bytes] = []
    if not rows:
        return wanted, late
    now = runtime.store.now()
    found = runtime.store.prompts({each.prompt_id for each in rows})
    for row in rows:
        prompt = found.get(row.prompt_id)
        if prompt is None or not _is_held(batch, prompt.progress):
            continue
        if prompt.deadline_at is not None and prompt.deadline_at <= now:
            late.append(write_row(row.prompt_id, batch.lane, 0, None, TOO_LATE))
        else:
            wanted.append(row)
    return wanted, late


def _is_held(batch: Batch, progress: Progress) -> bool:
    return progress.state is PromptState.CLAIMED and progress.batch_id == batch.id


def unanswered(runtime: Runtime, provider: Provider, batch: Batch, done: set[str]) -> Iterator[InputRow]:
    """The requests of a batch's input file but for those that have a row, read as they are asked for."""
    rest = b""
    for piece in runtime.blobs.stream(batch.input_uri or "", chunk=READ):
        *lines, rest = (rest + piece).split(b"\n")
        yield from _rows(provider, lines, done)
    yield from _rows(provider, [rest], done)


def _rows(provider: Provider, lines: Sequence[bytes], done: set[str]) -> Iterator[InputRow]:
    for line in lines:
        if line.strip():
            prompt_id, request = provider.read_input(line)
            if prompt_id not in done:
                yield InputRow(prompt_id, orjson.dumps(request).decode())
