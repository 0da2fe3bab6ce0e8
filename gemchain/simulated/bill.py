"""What a bill would show of a job: the prompts that it answered."""

from collections.abc import Iterable
from typing import Any

import orjson

from gemchain.formats.gemini.hashing import echo_hash
from gemchain.formats.gemini.rows import read_row
from gemchain.ports import Row
from gemchain.simulated.output import lines_of, row_id

__all__ = ["answered_prompts"]


def answered_prompts(sent: Iterable[bytes], delivered: Iterable[bytes]) -> set[str]:
    """The prompts with a usable answer; rows without a name are recognised by what they echo.

    Args:
        sent: The input file, in pieces.
        delivered: The output file, in pieces.
    """
    by_hash: dict[str, list[str]] = {}
    for line in lines_of(sent):
        read = orjson.loads(line)
        by_hash.setdefault(echo_hash(read["request"]), []).append(row_id(read) or "")
    answered: set[str] = set()
    for row in filter(_is_usable, map(_row, lines_of(delivered))):
        assert row is not None
        ids = [row.prompt_id] if row.prompt_id else by_hash.get(echo_hash(row.request or {}), [])
        answered.update([each for each in ids if each not in answered][:1])
    return answered


def _row(line: bytes) -> Row | None:
    try:
        return read_row(line)
    except ValueError:
        return None


def _is_usable(row: Row | None) -> bool:
    if row is None or row.body is None:
        return False
    candidate: dict[str, Any] = (row.body.get("candidates") or [{}])[0]
    return bool(candidate.get("content", {}).get("parts")) and candidate.get("finishReason") == "STOP"
