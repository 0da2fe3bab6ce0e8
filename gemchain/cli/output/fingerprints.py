"""Messages without what tells one occurrence of a failure from another."""

import re

__all__ = ["normalised"]

_DETAILS = (
    (re.compile(r"0x[0-9a-fA-F]+"), "0x#"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "#"),
    (re.compile(r"'[^']*'|\"[^\"]*\""), "'#'"),
    (re.compile(r"\b(?=[0-9a-fA-F]*\d)[cpbj]?[0-9a-fA-F]{8,}\b"), "#"),
    (re.compile(r"[-+]?\d[\d.,:_]*"), "#"),
    (re.compile(r"\s+"), " "),
)
"""What tells one occurrence of a failure from another: addresses, ids, quoted texts, numbers, white space."""


def normalised(message: str) -> str:
    """The first line of a message without what differs from one occurrence to the next."""
    text = message.partition("\n")[0]
    for pattern, stand_in in _DETAILS:
        text = pattern.sub(stand_in, text)
    return text.strip()
