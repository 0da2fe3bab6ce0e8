"""Chains of every kind, as far as they have come, with records that the test may damage."""

import contextlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import mock

import gemchain
from gemchain.engine.drive import Driver
from gemchain.errors import BlobNotFoundError, NotSetUpError
from gemchain.runtime import using
from gemchain.settings import Settings
from gemchain.stores.sqlite import MEMORY, SqliteStore
from gemchain.testing import VirtualClock
from gemchain.wiring import build
from tests.apps import flows, guarded
from tests.support.watching import watched

ROOT = Path(__file__).parents[2]
STARTS = (guarded.plain, guarded.fan, guarded.ask, guarded.program)
FINAL = {"DONE", "FAILED", "CANCELLED", "PARKED", "WAITING"}
TURNS = 14


class World:
    """An engine whose state anybody may have written.

    Attributes:
        neighbours: Chains that nobody damages: they have to end well.
        victims: The others.
    """

    def __init__(self, folder, runtime):
        self.folder = folder
        self.runtime = runtime
        self.driver = Driver(runtime)
        with using(runtime):
            self.neighbours = [gemchain.start(each, "neighbour") for each in STARTS]
            self.victims = [gemchain.start(each, "victim") for each in STARTS]

    def turn(self, turns=1):
        """Let the stages run, each in its turn; what has to be told in the end is left out here."""
        for _ in range(turns):
            with using(self.runtime):
                self.driver.turn()
                self.runtime.clock.advance(120)
                if self.driver.lost is not None:
                    assert isinstance(self.driver.lost, BlobNotFoundError)

    def answer_waits(self):
        """Resume the waits of neighbours; a victim's may be beyond it."""
        with using(self.runtime):
            for chain in self.neighbours:
                with contextlib.suppress(gemchain.ChainNotFoundError):
                    gemchain.resume(chain, "yes", name="approval")

    def to_the_end(self):
        self.answer_waits()
        self.turn(TURNS)
        self.answer_waits()
        self.turn(2)

    def outcomes(self, chains):
        """The states of chains."""
        found = self.runtime.store.chains([each.id for each in chains])
        return {found[each.id].state.value if each.id in found else "gone" for each in chains}


def _in_memory(folder, clock):
    return SqliteStore(MEMORY, clock)


@contextlib.contextmanager
def world(open_store=None, **settings):
    """A world in a folder of its own, watched: whatever was damaged, nothing forbidden may have happened."""
    guarded.ran.clear()
    with tempfile.TemporaryDirectory() as folder, mock.patch("os.fsync"):  # nothing here pulls the plug
        chosen = Settings().changed(
            state=folder, application=str(ROOT), grace=0, callback_attempts=2, sweep=0, **settings
        )
        clock = VirtualClock()
        runtime = build(chosen, responder=flows.echo, clock=clock)
        runtime.store.close()
        runtime = replace(runtime, store=(open_store or _in_memory)(folder, clock))
        try:
            made = World(folder, runtime)
            with watched() as watch:
                yield made
            assert watch.done == []
            assert watch.outside(folder, ROOT, os.devnull) == []
        finally:
            runtime.store.close()


def check_told(world):
    """The run that would end here may only say what a person has to mend."""
    with using(world.runtime), contextlib.suppress(NotSetUpError, BlobNotFoundError):
        world.driver.is_not_stuck()
