"""Tools for users' own tests: a virtual clock, and an embedded engine that runs on it.

```python
from gemchain.testing import embedded

def test_my_chain(tmp_path):
    with embedded(tmp_path, responder=lambda request: "forty-two") as engine:
        chain = gemchain.start(my_chain, "question")
        engine.run()
        assert chain.result() == "forty-two"
```
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Unpack

from gemchain.base.setting_types import SettingsOptions
from gemchain.engine.drive import drive
from gemchain.runtime import Runtime, using
from gemchain.settings import Settings
from gemchain.wiring import build

__all__ = ["Engine", "VirtualClock", "embedded"]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """A clock that moves only when `sleep` or `advance` is called."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._now = start

    def now(self) -> datetime:
        """The virtual time."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Advance the clock without waiting."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`; a negative number counts as 0."""
        self._now += timedelta(seconds=max(0.0, seconds))


@dataclass(frozen=True, slots=True)
class Engine:
    """An embedded engine on a virtual clock."""

    runtime: Runtime
    clock: VirtualClock

    def run(self, timeout: float | None = None) -> bool:
        """Drive until nothing is left to do; `timeout` is in virtual seconds."""
        return drive(self.runtime, timeout=timeout)


@contextmanager
def embedded(
    folder: Path,
    *,
    responder: Callable[[dict[str, Any]], Any] | None = None,
    clock: VirtualClock | None = None,
    **settings: Unpack[SettingsOptions],
) -> Iterator[Engine]:
    """An embedded engine, current inside the block, with its state in `folder`.

    Entering it again with the same folder is like a restart of the process.

    Args:
        folder: Folder of the state.
        responder: Answers `simulated/…` models.
        clock: The clock to run on; when None, a new one that starts with the year 2026.
        **settings: As for `gemchain.configure`; `state` is the folder.
    """
    clock = clock or VirtualClock()
    all_settings = Settings().changed(state=str(folder), **settings)
    with using(build(all_settings, responder=responder, clock=clock)) as runtime:
        try:
            yield Engine(runtime, clock)
        finally:
            runtime.store.close()
