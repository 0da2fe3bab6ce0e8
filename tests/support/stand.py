"""A runtime on a virtual clock, in which a test runs one stage at a time."""

import contextlib
from dataclasses import replace

import gemchain
from gemchain.blobs.local import LocalBlobs
from gemchain.engine.stages.assemble import assemble
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.launch import launch
from gemchain.records.states import BatchState
from gemchain.runtime import Providers, Runtime, using
from gemchain.settings import Settings
from gemchain.stores.sqlite import MEMORY, SqliteStore
from gemchain.wakers.loop import LoopWaker
from tests.support.crashing import Crash
from tests.support.scripted import ScriptedProvider

MODEL = "model"


@contextlib.contextmanager
def standing(folder, clock, **settings):
    """A stand whose runtime is the current one."""
    stand = Stand(folder, clock, **settings)
    try:
        with using(stand.runtime):
            yield stand
    finally:
        stand.store.close()


class Stand:
    """A store in memory, files in a folder, a scripted provider, and the way to each stage.

    Attributes:
        runtime: The process of the test. `another` gives it company.
    """

    def __init__(self, folder, clock, **settings):
        self.clock = clock
        self.store = SqliteStore(MEMORY, clock)
        self.blobs = LocalBlobs(folder)
        self.provider = ScriptedProvider(self.blobs, clock)
        self.runtime = Runtime(
            settings=Settings(grace=0, **settings),
            store=self.store,
            blobs=self.blobs,
            providers=Providers({"scripted": lambda: self.provider}, lambda model: ("scripted", model)),
            waker=LoopWaker(),
            clock=clock,
        )

    def set(self, **settings):
        """Change settings for what comes."""
        self.runtime = replace(self.runtime, settings=self.runtime.settings.changed(**settings))

    def interrupted(self, verb, happening, *, port="store", after=False):
        """The runtime of a process to which something happens in its next call of a verb.

        With `after` it happens once the call is done, and before the process hears of it.
        """
        inner = getattr(self.runtime, port)
        return replace(self.runtime, **{port: Interrupted(inner, verb, happening, after=after)})

    def killed(self, verb, *, port="store", after=False):
        """The runtime of a process that is killed at its next call of a verb: it does nothing after."""
        life = Life()
        dying = Interrupted(getattr(self.runtime, port), verb, life.end, after=after)
        ports = {"store": self.runtime.store, "blobs": self.runtime.blobs} | {port: dying}
        return replace(self.runtime, **{name: Mortal(inner, life) for name, inner in ports.items()})

    def submit(self, *texts, model=MODEL, callback=None, **arguments):
        """Submit prompts that each start a chain; their ids."""
        with_callback = [gemchain.prompt(text, model, callback, **arguments) for text in texts]
        return [handle.id for handle in self._inside(gemchain.submit_many, with_callback)]

    def start(self, function, *args):
        """Start a chain."""
        return self._inside(gemchain.start, function, *args)

    def _inside(self, call, *args):
        with using(self.runtime):
            return call(*args)

    def prompt(self, prompt_id):
        """A prompt as it stands."""
        return self.store.prompts([prompt_id])[prompt_id]

    def states(self, ids):
        """The states of prompts."""
        return [self.prompt(each).progress.state.value for each in ids]

    def chain(self, prompt_id):
        """The chain of a prompt as it stands."""
        chain_id = self.prompt(prompt_id).chain_id
        return self.store.chains([chain_id])[chain_id]

    def batch(self, batch):
        """A batch as it stands."""
        return self.store.batches([batch.id])[batch.id]

    def written(self):
        """The batch that assemble writes of what waits, or that was written already."""
        assemble(self.runtime)
        (batch,) = [each for each in self.store.open_batches() if each.state is BatchState.WRITTEN]
        return batch

    def sent(self):
        """The same, launched."""
        batch = self.written()
        launch(self.runtime)
        return self.batch(batch)

    def sent_all(self):
        """Everything that waits, launched."""
        assemble(self.runtime)
        launch(self.runtime)

    def pass_time(self):
        """Let so much time pass that whatever rests is due, and whatever waits for company goes alone."""
        settings = self.runtime.settings
        self.clock.advance(settings.retry_delay_max + settings.max_wait + settings.poll_max)

    def arrived(self, lines=None, *files, failure=None):
        """The same, with these lines for output; a plain answer to everything when None."""
        batch = self.sent()
        if lines is None:
            lines = self.provider.rows(batch).values()
        self.provider.land(batch, lines, *files, failure=failure)
        collect(self.runtime)
        return self.batch(batch)


class Interrupted:
    """A port in which something happens at the next call of one verb."""

    def __init__(self, inner, verb, happening, *, after):
        self._inner = inner
        self._verb = verb
        self._happening = happening
        self._after = after

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if name != self._verb or self._happening is None:
            return found
        happening, self._happening = self._happening, None

        def call(*args, **kwargs):
            if not self._after:
                happening()
                return found(*args, **kwargs)
            result = found(*args, **kwargs)
            happening()
            return result

        return call


class Life:
    """Whether a process lives."""

    over = False

    def end(self):
        self.over = True
        raise Crash


class Mortal:
    """A port of a process that may be dead."""

    def __init__(self, inner, life):
        self._inner = inner
        self._life = life

    def __getattr__(self, name):
        if self._life.over:
            raise Crash
        return getattr(self._inner, name)
