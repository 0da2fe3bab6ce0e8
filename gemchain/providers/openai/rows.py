"""Lines of the input and output files of a batch.

https://developers.openai.com/api/docs/guides/batch
"""

from collections.abc import Mapping
from typing import Any

import orjson

from gemchain.formats.registry import format_named
from gemchain.ports import Row
from gemchain.providers.openai.endpoints import CHAT, Endpoint
from gemchain.records import Failure, InputRow

__all__ = ["input_line", "read_input", "read_row"]

REFUSED = 400
"""The lowest HTTP status of an answer that is none."""

JOB_ENDED = frozenset({"batch_expired", "batch_cancelled"})
"""Codes of rows that were not asked before their job ended."""


def input_line(endpoint: Endpoint, model: str, row: InputRow) -> bytes:
    """One line of an input file, newline included.

    Raises:
        ValueError: The request is not a JSON object.
    """
    request = orjson.loads(row.request) if type(row.request) is str else None
    if type(request) is not dict:
        raise ValueError(f"the request of prompt {row.prompt_id!r} is not a JSON object")
    line = {
        "custom_id": row.prompt_id,
        "method": "POST",
        "url": endpoint.path,
        "body": {**request, "model": model},
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def read_input(line: bytes) -> tuple[str, dict[str, Any]]:
    """The prompt that a line of an input file names, and its request as it was stored."""
    read = orjson.loads(line)
    body = {name: value for name, value in read["body"].items() if name != "model"}
    return read["custom_id"], body


def read_row(line: bytes) -> Row:
    """Understand one line of an output file or of an error file.

    Raises:
        ValueError: It is no row.
    """
    read = orjson.loads(line)
    if type(read) is not dict:
        raise ValueError(f"an output row is a JSON object, not {type(read).__name__}")
    named = read.get("custom_id")
    prompt_id = named if type(named) is str and named else None
    response, error = read.get("response"), read.get("error")
    if type(response) is dict:
        status, body = response.get("status_code"), response.get("body")
        if type(status) is int and status >= REFUSED:
            return Row(prompt_id, None, None, _refused(status, body))
        if not error and type(body) is dict:
            return Row(prompt_id, None, body, None)
    if type(error) is dict and error:
        return Row(prompt_id, None, None, _failed(error))
    raise ValueError(f"an output row carries neither a response nor an error: {line[:200]!r}")


def _refused(status: int, body: Any) -> Failure:
    """All endpoints spell errors alike, so that the format of one of them reads those of all."""
    return format_named(CHAT.wire_format).failure(status, body if type(body) is dict else {})


def _failed(error: Mapping[str, Any]) -> Failure:
    code, message = error.get("code"), error.get("message")
    words = ": ".join(each for each in (code, message) if type(each) is str and each)
    if code in JOB_ENDED:
        return Failure("job", words, retryable=True)
    found = format_named(CHAT.wire_format).failure(0, {"error": dict(error)})
    # Without a status nothing says that the request itself was at fault, and rows that fail are not charged.
    return Failure("server", words or found.message, retryable=True) if found.reason == "error" else found
