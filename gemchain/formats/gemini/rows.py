"""Lines of input and output files: `{"key", "request"}` goes out, one row for each comes back in any order.

Vertex writes `{"request", "status", "response", "processed_time"}` with an empty `status` for success and
an empty `response` for failure; the Gemini API writes `{"key", "response"}` or `{"key", "error"}`.
"""

from typing import Any

import orjson

from gemchain.formats.gemini.check import PROMPT_LABEL
from gemchain.ports import Row
from gemchain.records import Failure, InputRow

__all__ = ["classify", "input_line", "keyed_line", "read_row"]

WORDS = 4_000
"""Characters that are kept of an error."""

# https://docs.cloud.google.com/apis/design/errors#error_model: HTTP codes and the gRPC ones beside them.
_PASSING_CODES = frozenset({408, 429, 499, 500, 502, 503, 504, 1, 2, 4, 8, 10, 13, 14})
_PASSING_NAMES = frozenset({
    "CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "INTERNAL", "UNAVAILABLE",
})  # fmt: skip
_FINAL_NAMES = frozenset({
    "INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "UNAUTHENTICATED", "UNIMPLEMENTED",
})  # fmt: skip
# For errors that are nothing but a sentence.
_FINAL_WORDS = (
    "bad request",
    "invalid",
    "permission",
    "forbidden",
    "not found",
    "unauthorized",
    "unsupported",
)


def input_line(row: InputRow) -> bytes:
    """One line of an input file, newline included, that names the prompt by key and by label.

    Raises:
        ValueError: The request is not a JSON object.
    """
    prompt, request = row.prompt_id, row.request
    if type(prompt) is not str or type(request) is not str or type(orjson.loads(request)) is not dict:
        # It would spoil the whole file, or say something of other prompts.
        raise ValueError(f"the request of prompt {prompt!r} is not a JSON object")
    # The request is JSON text already: it is taken as it stands when nothing in it stands in the way.
    if (
        prompt.isalnum()
        and prompt.isascii()
        and request[:2] == '{"'
        and request[-1:] == "}"
        and request.rfind('"labels"') < 0  # four times as fast as from the left
        and "\n" not in request
    ):
        labels = f'"labels":{{"{PROMPT_LABEL}":"{prompt}"}}'
        return f'{{"key":"{prompt}","request":{request[:-1]},{labels}}}}}\n'.encode()
    return _merged_line(prompt, request)


def keyed_line(row: InputRow) -> bytes:
    """One line of an input file, newline included, that names the prompt by key alone.

    Raises:
        ValueError: The request is not a JSON object.
    """
    request = orjson.loads(row.request) if type(row.request) is str else None
    if type(request) is not dict:
        raise ValueError(f"the request of prompt {row.prompt_id!r} is not a JSON object")
    sent = request if "\n" in row.request else orjson.Fragment(row.request)
    return orjson.dumps({"key": row.prompt_id, "request": sent}, option=orjson.OPT_APPEND_NEWLINE)


def _merged_line(prompt: str, request: str) -> bytes:
    body = orjson.loads(request)
    labels = body.get("labels")
    body["labels"] = {**(labels if isinstance(labels, dict) else {}), PROMPT_LABEL: prompt}
    return orjson.dumps({"key": prompt, "request": body}, option=orjson.OPT_APPEND_NEWLINE)


def read_row(line: bytes) -> Row:
    """Understand one line of output, of Vertex or of the Gemini API.

    Raises:
        ValueError: It is no row.
    """
    read = orjson.loads(line)
    if type(read) is not dict:
        raise ValueError(f"an output row is a JSON object, not {type(read).__name__}")
    request = read.get("request")
    if type(request) is not dict:
        request = None
    prompt_id = _prompt_id(read.get("key"), request)
    failure = _row_failure(read.get("status"), read.get("error"))
    if failure is not None:
        return Row(prompt_id, request, None, failure)
    response = read.get("response")
    if type(response) is not dict:
        raise ValueError(f"an output row carries neither a response nor an error: {line[:200]!r}")
    return Row(prompt_id, request, response, None)


def _prompt_id(key: Any, request: dict[str, Any] | None) -> str | None:
    if type(key) is str and key:
        return key
    labels = request.get("labels") if request else None
    label = labels.get(PROMPT_LABEL) if type(labels) is dict else None
    return label if type(label) is str and label else None


def _row_failure(status: Any, error: Any) -> Failure | None:
    if error:
        return classify(error)
    if status and status != "OK":
        return classify(status)
    return None


def classify(error: Any) -> Failure:
    """A service's error as a failure: its own words, and whether sending the prompt again may help.

    Args:
        error: The error's text, which may hold JSON, or its object with `code`, `message` and `status`.

    An unknown error counts as passing: rows that fail are not charged, and attempts are limited.
    At most `WORDS` characters of it are kept.
    """
    found = _error_object(error)
    if found is None:
        text = _words(error)
        final = any(word in text.lower() for word in _FINAL_WORDS)
        return Failure("error", text.strip(), retryable=not final)
    code, name = found.get("code"), found.get("status")
    message = _words(found.get("message") or found.get("details") or "")
    head = " ".join(_words(each)[:100] for each in (code, name) if each)
    words = f"{head}: {message}" if head and message else head or message
    return Failure("error", words, retryable=_is_passing(code, name, message))


def _words(said: Any) -> str:
    if not isinstance(said, str):
        try:
            said = orjson.dumps(said).decode()
        except TypeError:  # nested deeper than it writes
            return "an error that cannot be shown"
    return said if len(said) <= WORDS else f"{said[:WORDS]} …"


def _error_object(error: Any) -> dict[str, Any] | None:
    """The error's object, also where it lies inside text or inside another object."""
    if isinstance(error, str):
        start = error.find("{")
        if start < 0:
            return None
        try:
            error = orjson.loads(error[start:])
        except ValueError:
            return None
    if not isinstance(error, dict):
        return None
    inner = error.get("error")
    found = inner if isinstance(inner, dict) else error
    return found if found.keys() & {"code", "message", "status"} else None


def _is_passing(code: Any, name: Any, message: str) -> bool:
    if isinstance(name, str) and name in _PASSING_NAMES | _FINAL_NAMES:
        return name in _PASSING_NAMES
    if isinstance(code, str) and code.isdecimal() and code.isascii() and len(code) < 10:  # noqa: PLR2004
        code = int(code)
    if isinstance(code, int) and code:
        return code in _PASSING_CODES
    return not any(word in message.lower() for word in _FINAL_WORDS)
