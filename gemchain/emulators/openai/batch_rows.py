"""The rows that a batch delivers: answers in one file, errors in another.

https://developers.openai.com/api/docs/guides/batch
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import orjson

from gemchain.emulators.openai.endpoint import Endpoint
from gemchain.emulators.openai.refusals import error_body
from gemchain.errors import ProviderRejectedError, ProviderUnavailableError
from gemchain.simulated.dialect import Responder
from gemchain.simulated.faults import Draws, RowFate, RowStyle
from gemchain.simulated.responders import respond

__all__ = ["Answer", "Answering", "Files", "Line"]

PASSING = (
    (429, "Rate limit reached (simulated).", "requests", "rate_limit_exceeded"),
    (500, "The server had an error while processing your request (simulated).", "server_error", None),
    (503, "The server is overloaded, try again later (simulated).", "server_error", None),
)
FINAL = (
    (400, "Invalid value for a parameter (simulated).", "invalid_request_error", "invalid_value"),
    (403, "Your project has no access to this model (simulated).", "invalid_request_error", None),
    (404, "A file that the request names does not exist (simulated).", "invalid_request_error", None),
)


class Line(NamedTuple):
    """One line of an input file, that was found to be sound."""

    custom_id: str
    body: dict[str, Any]


class Answer(NamedTuple):
    """What one request gets."""

    status: int
    body: dict[str, Any]


class Files(NamedTuple):
    """What a batch delivers; empty bytes are no file."""

    output: bytes
    errors: bytes
    completed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Answering:
    """How requests are answered.

    Attributes:
        endpoint: Knows the wire format.
        responder: Answers in place of the built-in one.
        draws: What goes wrong.
        created: When they were answered, in seconds of Unix time.
        share: Share of the rows that was finished before the batch ended.
        unfinished: The error of all others; None when they get no row.
    """

    endpoint: Endpoint
    responder: Responder | None
    draws: Draws
    created: int
    share: float = 1.0
    unfinished: Mapping[str, Any] | None = None

    def files(self, lines: list[Line]) -> Files:
        """The rows for all lines, in an order of the service's choosing."""
        output: list[bytes] = []
        errors: list[bytes] = []
        failed = 0
        for place, line in enumerate(lines):
            found = self._row(line, place)
            if found is None:
                continue
            row, kept, style = found
            failed += not kept
            written = _written(row, style)
            (output if kept else errors).extend([written, written] if style.duplicated else [written])
        if self.draws.shuffles():
            Random(self.draws.order_seed()).shuffle(output)
        return Files(b"".join(output), b"".join(errors), len(lines) - failed, failed)

    def answer(self, request: dict[str, Any], style: RowStyle) -> Answer:
        """Answer one request."""
        wrong = self.endpoint.problem(request)
        if wrong is not None:
            return Answer(400, error_body(wrong[0], "invalid_request_error", "invalid_value", wrong[1]))
        for fate, refusals in ((RowFate.FAILED, PASSING), (RowFate.REFUSED, FINAL)):
            if style.fate is fate:
                status, words, kind, code = refusals[style.variant % len(refusals)]
                return Answer(status, error_body(words, kind, code))
        asked = {name: value for name, value in request.items() if name != "model"}
        said = respond(self.responder, asked) if self.responder else self.endpoint.builtin(request)
        if isinstance(said, Exception):
            return _raised(said)
        body = self.endpoint.body(said, request, self.created)
        return Answer(200, body if style.fate is RowFate.ANSWERED else self.endpoint.spoiled(body, style))

    def _row(self, line: Line, place: int) -> tuple[dict[str, Any], bool, RowStyle] | None:
        """The row, whether it is an answer, and how it is written."""
        row = {"id": f"batch_req_{place:08d}", "custom_id": line.custom_id, "response": None, "error": None}
        if self.share < 1 and not self.draws.finishes(line.custom_id, self.share):
            return None if self.unfinished is None else ({**row, "error": self.unfinished}, False, RowStyle())
        style = self.draws.style(line.custom_id)
        if style.fate is RowFate.MISSING:
            return None
        status, body = self.answer(line.body, style)
        response = {"status_code": status, "request_id": f"req_{place:08d}", "body": body}
        return {**row, "response": response}, status == 200, style  # noqa: PLR2004 -- HTTP's own number


def _written(row: dict[str, Any], style: RowStyle) -> bytes:
    written = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    if style.fate is RowFate.MALFORMED:
        written = written[: len(written) // 2].rstrip(b"}\n") + b"\n"
    return written


def _raised(error: Exception) -> Answer:
    """What stands for an exception of a responder."""
    words = str(error) or type(error).__name__
    if isinstance(error, ProviderUnavailableError | ConnectionError | TimeoutError):
        return Answer(503, error_body(words, "server_error"))
    if isinstance(error, ProviderRejectedError | ValueError | TypeError | LookupError):
        return Answer(400, error_body(words, "invalid_request_error"))
    return Answer(500, error_body(words, "server_error"))
