"""The part of the `Provider` port that all Gemini-shaped services answer alike."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from gemchain.formats.gemini import hashing, media, requests, rows
from gemchain.ports import Job, JobState, Row
from gemchain.records import InputRow

__all__ = ["GeminiShape", "first_going"]


def first_going(jobs: Iterable[Job]) -> Job | None:
    """Of a batch's jobs the first that has not failed, else the first; none behind it is looked at."""
    first = None
    for job in jobs:
        if job.state is not JobState.FAILED:
            return job
        first = first or job
    return first


class GeminiShape:
    """Reads and writes requests and rows of `generateContent`. Base class of providers.

    Attributes:
        for_larger_files: What to do with a file that does not fit into a request.
    """

    for_larger_files = "send a smaller one"

    def check(self, model: str, request: dict[str, Any]) -> None:
        """Refuse what the service would refuse; see `Provider.check`."""
        del model
        requests.check_request(request)

    def attach(self, path: Path) -> dict[str, Any]:
        """The part with the file's bytes in it; see `Provider.attach`."""
        return media.inline(path, instead=self.for_larger_files)

    def input_line(self, row: InputRow) -> bytes:
        """One line of an input file, newline included, that names the prompt by key and by label."""
        return rows.input_line(row)

    def read_input(self, line: bytes) -> tuple[str, str]:
        """The prompt that a line of an input file names, and the `echo_hash` of its request."""
        read = orjson.loads(line)
        return read["key"], hashing.echo_hash(read["request"])

    def read_row(self, line: bytes) -> Row:
        """Understand one line of output; see `Provider.read_row`."""
        return rows.read_row(line)

    def echo_hash(self, request: dict[str, Any]) -> str:
        """Canonical hash of a request; see `Provider.echo_hash`."""
        return hashing.echo_hash(request)
