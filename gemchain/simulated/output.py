"""Writes a job's output from its input, as Vertex writes it, without a model.

One row for each line: `{"request", "status", "response", "processed_time"}`, with an empty `status` for
success, in an order of the service's choosing. Memory does not grow with the input.
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/capabilities/batch-prediction-from-cloud-storage
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from gemchain.formats.gemini.check import PROMPT_LABEL
from gemchain.simulated.dialect import Dialect, Responder
from gemchain.simulated.dialects import GEMINI
from gemchain.simulated.faults import Draws, RowFate, RowStyle
from gemchain.simulated.responders import as_error, respond, row_error

__all__ = ["Simulation", "lines_of", "output_rows", "pieces", "row_id", "write_output"]

MOST_HELD = 16 << 20
"""Bytes of finished rows among which the next one is drawn."""

PIECE = 1 << 18
"""Bytes that are written at once."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """How a job answers.

    Attributes:
        responder: Who answers.
        model: The model that was asked for.
        draws: What goes wrong.
        seen_at: When the rows were answered, in ISO format.
        share: Share of rows that was finished before the job ended.
        echoes_key: Whether `key` comes back with the row.
        bare: Whether rows are those of the Gemini API: `key` with `response` or `error`, and nothing else.
        dialect: How the model speaks its wire format.
    """

    responder: Responder
    model: str
    draws: Draws
    seen_at: str
    share: float = 1.0
    echoes_key: bool = True
    bare: bool = False
    dialect: Dialect = GEMINI

    def rows(self, line: bytes, place: int) -> tuple[bytes, ...]:
        """The output lines for one input line: mostly one."""
        read = _read_input(line)
        if read is None:
            return (self._error_row({}, _bad_request("The line is not a JSON object with a 'request'.")),)
        row = row_id(read) or f"#{place}"
        if self.share < 1 and not self.draws.finishes(row, self.share):
            return ()
        style = self.draws.style(row)
        if style.fate is RowFate.MISSING:
            return ()
        written = self._row(read, style)
        if style.fate is RowFate.MALFORMED:
            written = written[: len(written) // 2].rstrip(b"}\n") + b"\n"
        return (written, written) if style.duplicated else (written,)

    def answer(self, request: dict[str, Any], row: str) -> tuple[str, dict[str, Any]]:
        """One answer outside of any file: its status, empty for success, and the response.

        Args:
            request: What is asked.
            row: By which the fate is drawn; an answer that would be missing or cut in a file is whole.
        """
        return self._answer(request, self.draws.style(row))

    def _row(self, read: dict[str, Any], style: RowStyle) -> bytes:
        request = read["request"]
        status, response = self._answer(request, style)
        if self.bare:
            return _bare_row(read.get("key"), status, response)
        row = {"request": request, "status": status, "response": response, "processed_time": self.seen_at}
        if self.echoes_key and not style.keyless and "key" in read:
            row["key"] = read["key"]
        if style.unlabelled or style.nulls:
            row["request"] = self.dialect.echoed(request, style)
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)

    def _error_row(self, request: dict[str, Any], status: str) -> bytes:
        row = {"request": request, "status": status, "response": {}, "processed_time": self.seen_at}
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)

    def _answer(self, request: dict[str, Any], style: RowStyle) -> tuple[str, dict[str, Any]]:
        """Status and response; the responder sees the request as it was submitted."""
        request = self.dialect.as_submitted(request)
        words = self.dialect.problem(request)
        if words is not None:
            return _bad_request(words), {}
        if style.fate is RowFate.FAILED:
            return row_error(*_PASSING[style.variant % len(_PASSING)]), {}
        if style.fate is RowFate.REFUSED:
            return row_error(*_FINAL[style.variant % len(_FINAL)]), {}
        said = respond(self.responder, request)
        if isinstance(said, Exception):
            return as_error(said), {}
        body = self.dialect.as_body(said, request, self.model, self.seen_at)
        return "", body if style.fate is RowFate.ANSWERED else self.dialect.spoiled(body, style)


_PASSING = (
    (429, "RESOURCE_EXHAUSTED", "Too Many Requests", "Resource has been exhausted (simulated)."),
    (503, "UNAVAILABLE", "Service Unavailable", "The service is currently unavailable (simulated)."),
    (500, "INTERNAL", "Internal Server Error", "Internal error encountered (simulated)."),
    (
        504,
        "DEADLINE_EXCEEDED",
        "Gateway Timeout",
        "Deadline expired before operation could complete (simulated).",
    ),
)
_FINAL = (
    (400, "INVALID_ARGUMENT", "Bad Request", "Request contains an invalid argument (simulated)."),
    (
        403,
        "PERMISSION_DENIED",
        "Forbidden",
        "No permission to access the File, or it may not exist (simulated).",
    ),
    (404, "NOT_FOUND", "Not Found", "A referenced file was not found (simulated)."),
)


def _bare_row(key: Any, status: str, response: dict[str, Any]) -> bytes:
    row: dict[str, Any] = {"key": key}
    row |= orjson.loads(status[status.index("{") :]) if status else {"response": response}
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _bad_request(words: str) -> str:
    return row_error(400, "INVALID_ARGUMENT", "Bad Request", words)


def _read_input(line: bytes) -> dict[str, Any] | None:
    try:
        read = orjson.loads(line)
    except ValueError:
        return None
    return read if isinstance(read, dict) and isinstance(read.get("request"), dict) else None


def row_id(read: dict[str, Any]) -> str | None:
    """The name that an input line bears: its key, else its label."""
    key = read.get("key")
    if isinstance(key, str) and key:
        return key
    labels = read["request"].get("labels")
    label = labels.get(PROMPT_LABEL) if isinstance(labels, dict) else None
    return label if isinstance(label, str) else None


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a stream, without their ends; empty ones are left out."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(bytes.strip, whole)
    if rest.strip():
        yield rest


def output_rows(chunks: Iterable[bytes], simulation: Simulation) -> Iterator[bytes]:
    """The lines of the output for an input stream, in the order in which they are written."""
    rows: Iterator[bytes]
    rows = (row for place, line in enumerate(lines_of(chunks)) for row in simulation.rows(line, place))
    if simulation.draws.shuffles():
        rows = _shuffled(rows, Random(simulation.draws.order_seed()))
    return rows


def write_output(chunks: Iterable[bytes], write: Callable[[bytes], Any], simulation: Simulation) -> None:
    """Answer an input stream.

    Args:
        chunks: The input file, in pieces.
        write: Takes the output, in pieces.
        simulation: How to answer.
    """
    for piece in pieces(output_rows(chunks, simulation)):
        write(piece)


def pieces(rows: Iterable[bytes]) -> Iterator[bytes]:
    """The rows, many at once."""
    held: list[bytes] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row)
        if size >= PIECE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _shuffled(rows: Iterable[bytes], random: Random) -> Iterator[bytes]:
    """The rows in another order: each is drawn from all that fit into MOST_HELD."""
    held: list[bytes] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row)
        while size > MOST_HELD:
            place = random.randrange(len(held))
            held[place], held[-1] = held[-1], held[place]
            drawn = held.pop()
            size -= len(drawn)
            yield drawn
    random.shuffle(held)
    yield from held
