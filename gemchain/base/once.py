"""Warnings that are logged once for each function, however often it runs."""

import logging

__all__ = ["warn_once"]

log = logging.getLogger("gemchain")

_warned: set[tuple[str, str]] = set()


def warn_once(kind: str, function: str, text: str) -> None:
    """Log a warning about a function, unless this process has logged one of this kind about it."""
    if (kind, function) not in _warned:
        _warned.add((kind, function))
        log.warning("%s", text)
