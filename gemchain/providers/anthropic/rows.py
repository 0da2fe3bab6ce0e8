"""Lines of input and output: `{"custom_id", "params"}` goes out, `{"custom_id", "result"}` comes back.

https://platform.claude.com/docs/en/api/creating-message-batches

A `custom_id` is the batch's id and the prompt's, with a hyphen between: 63 characters of the 64 that are
allowed, and the only thing by which a batch of the service says whose it is.
"""

import re
from typing import Any

import orjson

from gemchain.ports import Format, Row
from gemchain.records import Batch, Failure, InputRow

__all__ = ["NOT_TRIED", "batch_named", "input_line", "is_not_tried", "read_input", "read_row"]

_ALLOWED = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
SEPARATOR = "-"

NOT_TRIED = {
    "canceled": "the batch was cancelled before the request was sent to the model; it costs nothing",
    "expired": "the batch expired before the request was sent to the model; it costs nothing",
}
"""Results of requests that were never answered."""


def input_line(batch: Batch, row: InputRow) -> bytes:
    """One line of an input file, newline included.

    Raises:
        ValueError: The request is not a JSON object, or an id has characters that the service refuses.
    """
    request = orjson.loads(row.request) if type(row.request) is str else None
    if type(request) is not dict:
        raise ValueError(f"the request of prompt {row.prompt_id!r} is not a JSON object")
    custom_id = f"{batch.id}{SEPARATOR}{row.prompt_id}"
    if not _ALLOWED.match(custom_id):
        raise ValueError(f"Anthropic takes no custom_id like {custom_id!r}")
    line = {"custom_id": custom_id, "params": {**request, "model": batch.model}}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def read_input(line: bytes) -> tuple[str, dict[str, Any]]:
    """The prompt that a line of an input file names, and its request without the model."""
    read = orjson.loads(line)
    request = {name: value for name, value in read["params"].items() if name != "model"}
    return _prompt(read["custom_id"]), request


def batch_named(line: bytes) -> str | None:
    """The batch of ours that a line of output names; None when it names none."""
    try:
        read = orjson.loads(line)
    except ValueError:
        return None
    custom_id = read.get("custom_id") if type(read) is dict else None
    batch, separator, prompt = custom_id.partition(SEPARATOR) if type(custom_id) is str else ("", "", "")
    return batch if separator and prompt else None


def is_not_tried(line: bytes) -> bool:
    """Whether a line of output says only that its request was never sent to the model."""
    try:
        read = orjson.loads(line)
    except ValueError:
        return False
    result = read.get("result") if type(read) is dict else None
    return type(result) is dict and result.get("type") in NOT_TRIED


def read_row(wire_format: Format, line: bytes) -> Row:
    """Understand one line of output.

    Raises:
        ValueError: It is no row.
    """
    read = orjson.loads(line)
    result = read.get("result") if type(read) is dict else None
    custom_id = read.get("custom_id") if type(read) is dict else None
    if type(result) is not dict or type(custom_id) is not str or not custom_id:
        raise ValueError(f"an output row has a custom_id and a result, not {line[:200]!r}")
    kind, message = result.get("type"), result.get("message")
    if kind == "succeeded" and type(message) is dict:
        return Row(_prompt(custom_id), None, message, None)
    if kind == "errored":
        return Row(_prompt(custom_id), None, None, _failure(wire_format, result.get("error")))
    if type(kind) is str and kind in NOT_TRIED:
        return Row(_prompt(custom_id), None, None, Failure("error", NOT_TRIED[kind], retryable=True))
    raise ValueError(f"an output row carries neither an answer nor an error: {line[:200]!r}")


def _prompt(custom_id: str) -> str:
    _, separator, prompt = custom_id.partition(SEPARATOR)
    return prompt if separator and prompt else custom_id


def _failure(wire_format: Format, error: Any) -> Failure:
    """The type of the error stands in for a status, which a row does not have."""
    return wire_format.failure(0, error if type(error) is dict else {})
