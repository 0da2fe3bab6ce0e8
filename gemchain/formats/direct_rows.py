"""Rows of the lanes in which we send one request at a time: one JSON line for each answer or refusal.

`{"direct": prompt id, "lane": "direct", "status": 200, "body": {…}}`; where there is no answer, `"failure"`
says why, as `[reason, message, retryable]`, and `"body"` is what the service sent, if anything.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from gemchain.ports import Provider, Row
from gemchain.records import Failure
from gemchain.records.lanes import DIRECT, FLEX

__all__ = ["is_direct", "read_output", "read_row", "write_row"]

BEGINNING = b'{"direct":'


def is_direct(line: bytes) -> bool:
    """Whether a line of an output file is such a row."""
    return line.startswith(BEGINNING)


def write_row(
    prompt_id: str, lane: str, status: int, body: Mapping[str, Any] | None, failure: Failure | None = None
) -> bytes:
    """The line of one answer, newline included."""
    found: dict[str, Any] = {"direct": prompt_id, "lane": lane, "status": status, "body": body}
    if failure is not None:
        found["failure"] = [failure.reason, failure.message, failure.retryable]
    return orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE)


def read_row(line: bytes) -> Row:
    """Understand one line.

    Raises:
        ValueError: It is no row.
    """
    read = orjson.loads(line)
    prompt_id, body, failure = read.get("direct"), read.get("body"), read.get("failure")
    lane = FLEX if read.get("lane") == FLEX else DIRECT
    if type(prompt_id) is not str or not prompt_id:
        raise ValueError(f"the row names no prompt: {line[:200]!r}")
    if failure is None and type(body) is dict:
        return Row(prompt_id, None, body, None, lane)
    if type(failure) is list and list(map(type, failure)) == [str, str, bool]:
        return Row(prompt_id, None, None, Failure(failure[0], failure[1], retryable=failure[2]), lane)
    raise ValueError(f"the row carries neither an answer nor a failure: {line[:200]!r}")


def read_output(provider: Provider, line: bytes) -> Row:
    """Understand one line of a batch's output, whether a provider job wrote it or a process of ours.

    Raises:
        ValueError: It is no row.
    """
    return read_row(line) if is_direct(line) else provider.read_row(line)
