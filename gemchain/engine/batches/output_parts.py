"""Parts of output that grows: each file of a batch's output is cut into parts once."""

from dataclasses import replace

from gemchain.engine.rows.lines import split
from gemchain.records import Batch, OutputFile, Part
from gemchain.records.identity import part_id
from gemchain.runtime import Runtime

__all__ = ["save_with_parts"]


def save_with_parts(runtime: Runtime, batch: Batch, output: tuple[OutputFile, ...]) -> Batch:
    """Save a batch together with the parts of those of these files that it does not know yet.

    Raises:
        StoreConflictError: Another process moved the batch; nothing was saved.
    """
    files = tuple(file for file in output if file not in batch.output)
    ranges = [(file, start, end) for file in files for start, end in split(file, runtime.settings.part_bytes)]
    parts = [
        Part(id=part_id(batch.id, index), batch_id=batch.id, index=index, file=file, start=start, end=end)
        for index, (file, start, end) in enumerate(ranges, batch.parts)
    ]
    grown = replace(batch, output=(*batch.output, *files), parts=batch.parts + len(parts))
    saved = runtime.store.save_batch(grown, parts=parts)
    for part in parts:
        runtime.waker.dispatch(part)
    return saved
