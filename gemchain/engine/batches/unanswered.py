"""The requests of a batch that we send ourselves, read from its input file."""

from collections.abc import Iterator, Sequence

import orjson

from gemchain.ports import Provider
from gemchain.records import Batch, InputRow
from gemchain.runtime import Runtime

__all__ = ["unanswered"]

READ = 1 << 20
"""Bytes of the input file that are read at a time."""


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
