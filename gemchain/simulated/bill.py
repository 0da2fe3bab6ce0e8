"""What a provider would charge for a job: the prompts that it answered."""

from collections.abc import Iterable

import orjson

from gemchain.formats.gemini.format import GEMINI
from gemchain.formats.gemini.rows import read_row
from gemchain.ports import Format, Row
from gemchain.simulated.output import lines_of, row_id

__all__ = ["answered_prompts"]


def answered_prompts(
    sent: Iterable[bytes], delivered: Iterable[bytes], wire_format: Format = GEMINI
) -> set[str]:
    """The prompts with a usable answer; rows without a name are recognised by what they echo.

    Args:
        sent: The input file, in pieces.
        delivered: The output file, in pieces.
        wire_format: That of the requests and answers.
    """
    by_hash: dict[str, list[str]] = {}
    for line in lines_of(sent):
        read = orjson.loads(line)
        by_hash.setdefault(wire_format.echo_hash(read["request"]), []).append(row_id(read) or "")
    answered: set[str] = set()
    for row in map(_row, lines_of(delivered)):
        if row is None or row.body is None or wire_format.judge(row.body) is not None:
            continue
        ids = [row.prompt_id] if row.prompt_id else by_hash.get(wire_format.echo_hash(row.request or {}), [])
        answered.update([each for each in ids if each not in answered][:1])
    return answered


def _row(line: bytes) -> Row | None:
    try:
        return read_row(line)
    except ValueError:
        return None
