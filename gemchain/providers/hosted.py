"""What providers have in common whose services take JSON over HTTPS with an API key."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gemchain.errors import ProviderUnavailableError
from gemchain.formats import files
from gemchain.formats.registry import format_named
from gemchain.ports import Capabilities, DirectRun, FileContent, Format
from gemchain.providers.capabilities import TABLE
from gemchain.providers.direct import DirectLane
from gemchain.records import Batch

__all__ = ["CALL_SECONDS", "LISTING_LAG", "UPLOAD_SECONDS", "Deadline", "Hosted"]

UPLOAD_SECONDS = 240.0
"""How long the input of a batch may be on its way. A process that takes the batch over counts on it."""

LISTING_LAG = 300.0
"""`UPLOAD_SECONDS`, and a minute for the service to make the job and to show it in its list."""


CALL_SECONDS = LISTING_LAG - UPLOAD_SECONDS
"""How long the call that makes a job may take, once the service has the input."""


class Deadline:
    """The time within which the input of a batch must have reached the service.

    Args:
        seconds: A clock that never goes back.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._end = seconds() + UPLOAD_SECONDS

    def check(self) -> None:
        """Give up when the time is over, before the service has everything.

        Raises:
            ProviderUnavailableError: It is.
        """
        if self._seconds() > self._end:
            raise ProviderUnavailableError(
                f"sending the input took more than {UPLOAD_SECONDS:g} s, so it was given up and nothing was "
                "started; on a slow line, lower the setting 'max_batch_bytes' (GEMCHAIN_MAX_BATCH_BYTES)"
            )


class Hosted:
    """Base class of such providers.

    Attributes:
        speaks: The wire format of its models, by name.
    """

    name: str
    speaks: str
    _lane: DirectLane

    def format(self, model: str) -> Format:
        """The format that the service speaks; see `Provider.format`."""
        del model
        return format_named(self.speaks)

    def capabilities(self, model: str) -> Capabilities:
        """Those of the table; see `Provider.capabilities`."""
        del model
        return TABLE[self.name]

    def start(self, batch: Batch) -> DirectRun:
        """Single requests of this batch; see `Provider.start`."""
        return self._lane.start(batch)

    def check(self, model: str, request: dict[str, Any]) -> None:
        """Refuse what the service would refuse; see `Provider.check`."""
        self.format(model).check(model, request)

    def attach(self, path: Path) -> FileContent:
        """The file's bytes, to be sent inside the request; see `Provider.attach`."""
        return files.inline(path, instead="send a smaller one, or its text")
