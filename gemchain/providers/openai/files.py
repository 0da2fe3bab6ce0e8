"""Files on their way: the input of a batch up, its results down.

Crash story. An input file is named after the batch and the input, so that an upload whose batch never came
to be is found and used by the next attempt; it expires by itself. Each download has a name of its own, and
the first that is there counts: a collector that dies half-way leaves nothing, and two at once do not replace
each other's.
"""

import secrets
import tempfile
from datetime import timedelta
from typing import TYPE_CHECKING

from gemchain.errors import ProviderUnavailableError
from gemchain.ports import Blobs
from gemchain.providers.openai.listing import since
from gemchain.providers.output_files import is_output, output_folder
from gemchain.records import Batch, OutputFile
from gemchain.records.identity import job_name

if TYPE_CHECKING:
    from openai import OpenAI

__all__ = ["fetched", "uploaded"]

KEPT = timedelta(days=5)
"""How long an input file is kept: an attempt may be late, and then the batch reads it for a day."""

NEEDED = timedelta(days=2)
"""How long an earlier upload must live on to be used again."""

PIECE = 1 << 20


def uploaded(client: "OpenAI", blobs: Blobs, batch: Batch) -> str:
    """The service's id of the batch's input: of an earlier attempt's upload, or of a new one."""
    name = _input_name(batch)
    earlier = _earlier(client, batch, name)
    if earlier is not None:
        return earlier
    with tempfile.TemporaryFile() as file:  # through the disk: its size is told before the first byte
        for piece in blobs.stream(batch.input_uri or ""):
            file.write(piece)
        file.seek(0)
        # On some platforms it is a wrapper, which the library would not take for a file.
        content = getattr(file, "file", file)
        sent = client.files.create(
            file=(name, content, "application/jsonl"),
            purpose="batch",
            expires_after={"anchor": "created_at", "seconds": int(KEPT.total_seconds())},
        )
    if not isinstance(sent.id, str):
        raise TypeError(f"it is no file: {sent!r:.200}")
    return sent.id


def _input_name(batch: Batch) -> str:
    """Of the batch and of its input, which may have been written more than once."""
    return f"{job_name(batch.id)}-{(batch.input_uri or '').rpartition('/')[2]}"


def _earlier(client: "OpenAI", batch: Batch, name: str) -> str | None:
    """An upload of this very input, found among the files that are not older than the batch."""
    until = ((batch.create_at or batch.created_at) + NEEDED).timestamp()
    for each in since(client.files.list(purpose="batch", order="desc", limit=100), batch.created_at):
        lives = each.expires_at is None or each.expires_at > until
        if each.filename == name and each.bytes == batch.size and lives:
            return str(each.id)
    return None


def fetched(client: "OpenAI", blobs: Blobs, batch: Batch, file: str, folder: str) -> OutputFile:
    """A result in our own file storage, downloaded unless it is there already.

    Args:
        client: The SDK's.
        blobs: Where it is put.
        batch: Whose result it is.
        file: The service's id of it.
        folder: Where among the batch's output: one folder for one file.
    """
    place = f"{output_folder(batch.id)}/{folder}"
    for info in blobs.list(f"{place}/"):
        if is_output(info.uri):
            return OutputFile(*info)
    name = f"{place}/{secrets.token_hex(4)}/predictions.jsonl"
    announced = client.files.retrieve(file).bytes or 0  # servers like it may not tell
    with (
        client.files.with_streaming_response.content(file) as response,
        blobs.writer(name) as out,
    ):
        size = sum(out.write(piece) for piece in response.iter_bytes(PIECE))
        if size < announced:  # the answer of something between us, or the beginning of the file
            raise ProviderUnavailableError(f"file {file!r} has {announced:,} bytes, and {size:,} came")
    there = blobs.stat(blobs.uri(name))
    if there is None:
        raise ProviderUnavailableError(f"file {file!r} was downloaded and is gone")
    return OutputFile(*there)
