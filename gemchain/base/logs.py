"""What is logged: one line for each record, with control characters escaped.

Services and records bring words from outside. A line break in them would forge a record, an escape code
would move the cursor of a reader of the log, or worse.
"""

import logging

__all__ = ["printable"]

_KEPT = "\t\n"
_SHOWN = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in _KEPT}
_STEERING = (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SHOWN |= {code: f"\\u{code:04x}" for code in _STEERING}


def printable(text: str) -> str:
    """The text with control characters shown and not done; line breaks and tabs stay."""
    return text if text.isprintable() else text.translate(_SHOWN)


class _OneLine(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = printable(record.getMessage()).replace("\n", "\\n")
        record.args = ()
        return True


logging.getLogger("gemchain").addFilter(_OneLine())
