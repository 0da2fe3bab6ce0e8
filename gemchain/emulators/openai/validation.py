"""What is looked at before a batch begins: every line of its file.

https://developers.openai.com/api/docs/guides/batch
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from gemchain.emulators.openai.batch_rows import Line
from gemchain.simulated.dialect import TOKEN

__all__ = ["Validated", "failed", "no_room", "validated"]

MAX_REQUESTS = 50_000


class Validated(NamedTuple):
    """A file that was looked at."""

    model: str
    lines: list[Line]
    errors: list[dict[str, Any]]
    tokens: int


def validated(data: bytes, endpoint: str, serves: Callable[[str], bool]) -> Validated:
    """Look at an input file.

    Args:
        data: The file.
        endpoint: The path that the batch names.
        serves: Whether a model exists.
    """
    lines: list[Line] = []
    errors: list[dict[str, Any]] = []
    models: list[str] = []
    seen: set[str] = set()
    for place, text in enumerate(data.split(b"\n"), 1):
        if not text.strip():
            continue
        wrong, line = _read(text, endpoint)
        if line is not None and line.custom_id in seen:
            wrong = _error("duplicate_custom_id", f"The custom_id {line.custom_id!r} is not unique.")
        if wrong is not None or line is None:
            errors.append({**(wrong or {}), "line": place})
            continue
        seen.add(line.custom_id)
        models.append(str(line.body.get("model", "")))
        lines.append(line)
        if models[-1] != models[0]:
            errors.append({**_error("mismatched_model", "A batch has one model."), "line": place})
        elif not serves(models[-1]):
            words = f"The provided model '{models[-1]}' is not supported by the Batch API."
            errors.append({**_error("model_not_found", words, "body.model"), "line": place})
    if not lines and not errors:
        errors.append(_error("empty_file", "The input file is empty."))
    if len(lines) > MAX_REQUESTS:
        errors.append(_error("too_many_requests", f"A batch has at most {MAX_REQUESTS} requests."))
    return Validated(models[0] if models else "", lines, errors, len(data) // TOKEN)


def no_room(model: str, limit: float) -> dict[str, Any]:
    """The error of a batch for which the account has no room now."""
    words = (
        f"Enqueued token limit reached for {model} in organization org-emulated. Limit: {limit:,.0f} "
        "enqueued tokens. Please try again once some in_progress batches have been completed."
    )
    return _error("token_limit_exceeded", words)


def failed() -> dict[str, Any]:
    """The error of a batch that fails for no reason of its own."""
    return _error("server_error", "The batch failed (simulated fault 'job_failed').")


def _read(text: bytes, endpoint: str) -> tuple[dict[str, Any] | None, Line | None]:
    try:
        read = orjson.loads(text)
    except ValueError:
        return _error("invalid_json_line", "This line is no JSON."), None
    for name, kind in (("custom_id", str), ("body", dict)):
        if not isinstance(read, dict) or not isinstance(read.get(name), kind):
            return _error("missing_required_parameter", f"Missing required parameter: '{name}'.", name), None
    if read.get("method") != "POST":
        return _error("invalid_method", "The method of a request is POST.", "method"), None
    if read.get("url") != endpoint:
        words = f"The URL {read.get('url')!r} does not match the batch's endpoint {endpoint!r}."
        return _error("invalid_url", words, "url"), None
    return None, Line(read["custom_id"], read["body"])


def _error(code: str, message: str, param: str | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "param": param, "line": None}
