"""Pieces: the files in which the answers of a batch that we send ourselves are written down.

`batches/<batch>/direct/<fence>-<number>.jsonl`. A piece appears whole or not at all, and never changes. One
that was written under an older fence counts like any other: its answers are paid.
"""

from collections.abc import Iterable

from gemchain.engine.rows.lines import read_lines
from gemchain.formats import direct_rows
from gemchain.records import Batch, OutputFile
from gemchain.runtime import Runtime

__all__ = ["answered", "pieces", "write_piece"]


def _folder(batch: Batch) -> str:
    return f"batches/{batch.id}/direct/"


def pieces(runtime: Runtime, batch: Batch) -> tuple[OutputFile, ...]:
    """All pieces of a batch that exist, in the order in which they were written."""
    return tuple(OutputFile(*info) for info in sorted(runtime.blobs.list(_folder(batch))))


def write_piece(runtime: Runtime, batch: Batch, number: int, lines: Iterable[bytes]) -> OutputFile:
    """Write rows as one more piece.

    Args:
        runtime: Where to write.
        batch: The batch as its holder leased it.
        number: Of the piece, under this fence.
        lines: The rows, line ends included.
    """
    name = f"{_folder(batch)}{batch.fence:06d}-{number:06d}.jsonl"
    return OutputFile(*runtime.blobs.put(name, b"".join(lines)))


def answered(runtime: Runtime, files: Iterable[OutputFile]) -> set[str]:
    """The prompts that have a row in these pieces."""
    found = set()
    for file in files:
        for _, line in read_lines(runtime.blobs, file, 0, file.size):
            try:
                found.add(direct_rows.read_row(line).prompt_id or "")
            except ValueError:
                continue  # its prompt is asked again, as after any damaged row
    return found
