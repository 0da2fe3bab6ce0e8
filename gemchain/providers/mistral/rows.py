"""Lines of files: `{"custom_id", "body"}` goes out, `{"custom_id", "response", "error"}` comes back.

https://docs.mistral.ai/studio-api/batch-processing

A response has a `status_code` and a `body`. Answers and errors come in two files; a line says itself which it
is, so both are read alike.
"""

from typing import Any

import orjson

from gemchain.ports import Format, Row
from gemchain.records import Failure, InputRow

__all__ = ["input_line", "read_input", "read_row"]

OK, ERROR = 200, 400


def input_line(row: InputRow) -> bytes:
    """One line of an input file, newline included. The model's name stands in the job.

    Raises:
        ValueError: The request is not a JSON object.
    """
    request = orjson.loads(row.request) if type(row.request) is str else None
    if type(request) is not dict:
        raise ValueError(f"the request of prompt {row.prompt_id!r} is not a JSON object")
    sent = request if "\n" in row.request else orjson.Fragment(row.request)
    return orjson.dumps({"custom_id": row.prompt_id, "body": sent}, option=orjson.OPT_APPEND_NEWLINE)


def read_input(line: bytes) -> tuple[str, dict[str, Any]]:
    """The prompt that a line of an input file names, and its request."""
    read = orjson.loads(line)
    return read["custom_id"], read["body"]


def read_row(wire_format: Format, line: bytes) -> Row:
    """Understand one line of output or of errors.

    Raises:
        ValueError: It is no row.
    """
    read = orjson.loads(line)
    custom_id = read.get("custom_id") if type(read) is dict else None
    if type(custom_id) is not str or not custom_id:
        raise ValueError(f"an output row has a custom_id: {line[:200]!r}")
    response, error = read.get("response"), read.get("error")
    if type(response) is dict:
        status, body = response.get("status_code"), response.get("body")
        status = status if type(status) is int else OK
        if status < ERROR and type(body) is dict and not error:
            return Row(custom_id, None, body, None)
        if status >= ERROR:
            return Row(custom_id, None, None, _failure(wire_format, status, body or error))
    if error:
        return Row(custom_id, None, None, _failure(wire_format, 0, error))
    raise ValueError(f"an output row carries neither an answer nor an error: {line[:200]!r}")


def _failure(wire_format: Format, status: int, said: Any) -> Failure:
    body = said if type(said) is dict else {"message": str(said or "")}
    code = body.get("status_code")
    return wire_format.failure(status or (code if type(code) is int else 0), body)
