"""Cut an output file into parts without reading it, and read the lines that belong to one part.

A part is a byte range; it owns the lines that *start* inside it. So the parts of a file own each
line exactly once, wherever the cuts fall, and no line end has to be looked for beforehand.
"""

from collections.abc import Iterator
from itertools import chain

from gemchain.ports import Blobs
from gemchain.records import OutputFile

__all__ = ["read_lines", "split"]

CHUNK = 1 << 20
"""Bytes asked for at a time. Fits the processor's cache; larger chunks were slower."""

LONGEST = 256 << 20
"""Bytes of one line that are held: ten times what the largest request and its answer take."""


def split(file: OutputFile, part_bytes: int) -> list[tuple[int, int]]:
    """The byte ranges `[start, end)` of a file's parts, in order, each `part_bytes` long but the last.

    Reads nothing. An empty file has no parts.

    Raises:
        ValueError: `part_bytes` is less than 1.
    """
    if part_bytes < 1:
        raise ValueError(f"a part has at least 1 byte, not {part_bytes}")
    return [(start, min(start + part_bytes, file.size)) for start in range(0, file.size, part_bytes)]


def read_lines(blobs: Blobs, file: OutputFile, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    r"""The lines that start inside `[start, end)`, each with the offset of its first byte.

    Lines come without their end (`\n` or `\r\n`); empty ones are left out. A line that runs past
    `end` is read to its end, and the file's last line needs no end. Holds one chunk and the
    longest line in memory, never the file; of a line beyond `LONGEST` bytes, only so much is given.

    Raises:
        BlobNotFoundError: The file is gone, or is not of this generation any more.
        BlobError: It cannot be read.
    """
    if start >= end:
        return
    # The byte before `start` decides whether a line starts there.
    position = max(start - 1, 0)
    pieces = blobs.stream(file.uri, generation=file.generation, start=position, chunk=CHUNK)
    if start > 0:
        position, rest = _skip_line(pieces, position, end)
        pieces = chain((rest,), pieces)
    yield from _lines(pieces, position, end)


def _skip_line(pieces: Iterator[bytes], position: int, end: int) -> tuple[int, bytes]:
    """Where the first line after `position` starts, and what was read of it; gives up at `end`."""
    for piece in pieces:
        found = piece.find(b"\n") + 1
        if found:
            return position + found, piece[found:]
        position += len(piece)
        if position >= end:
            break
    return position, b""


def _lines(pieces: Iterator[bytes], position: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a stream whose first byte, at `position`, starts a line."""
    begun: list[bytes] = []  # joined once, so that a line of many pieces costs no more than its length
    held = cut = 0
    for piece in pieces:
        if position >= end:
            return
        lines = piece.split(b"\n")
        if len(lines) == 1:
            kept = piece[: LONGEST - held]
            begun.append(kept)
            held, cut = held + len(kept), cut + len(piece) - len(kept)
            continue
        lines[0], cut = (b"".join(begun), cut + len(lines[0])) if cut else (b"".join((*begun, lines[0])), 0)
        begun = [lines.pop()]
        for line in lines:
            if position >= end:
                return
            content = line[:-1] if line.endswith(b"\r") else line
            if content:
                yield position, content
            position += len(line) + 1 + cut
            cut = 0
        held = len(begun[0])
    last = b"".join(begun).removesuffix(b"\r")
    if last and position < end:
        yield position, last
