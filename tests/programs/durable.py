"""A program run by the engine's own delivery, commit and settling, with answers in random order."""

import random
from contextlib import nullcontext

import orjson

import gemchain
from gemchain.base import jsontext
from gemchain.engine.answers.delivery import Outcome, deliver
from gemchain.engine.answers.replay import shared
from gemchain.engine.callback_retries import retry_callbacks
from gemchain.engine.endings.chains import scope_of, settle, settle_marked
from gemchain.functions.continuations import Continuations
from gemchain.records import AnswerRef, Verdict
from gemchain.records.states import ChainState, PromptState
from gemchain.runtime import Providers, Runtime, using
from gemchain.settings import Settings
from gemchain.stores.sqlite import MEMORY, SqliteStore
from gemchain.testing import VirtualClock
from gemchain.wakers.loop import LoopWaker
from tests.programs.direct import body_of
from tests.programs.tree import program
from tests.support.scripted import ScriptedProvider


class Rows(dict):
    """The output rows, each an object of its own."""

    def read(self, uri, *, generation=None, start=0, end=None):
        """One row."""
        return self[uri]


class World:
    """A runtime without batches: queued prompts are answered as they lie there."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.clock = VirtualClock()
        self.rows = Rows()
        self.provider = ScriptedProvider(self.rows, self.clock)
        self.store = SqliteStore(MEMORY, self.clock)
        self.runtime = Runtime(
            settings=Settings(callback_attempts=self.chance.randint(1, 2)),
            store=self.store,
            blobs=self.rows,
            providers=Providers({"scripted": lambda: self.provider}, lambda model: ("scripted", model)),
            waker=LoopWaker(),
            clock=self.clock,
            continuations=Continuations(modules=["tests.programs"]),
        )

    def run(self, body):
        """How the program ends, and the texts it sent, as `direct.run` tells it."""
        with using(self.runtime):
            try:
                chain = gemchain.start(program, body)
            except Exception as error:  # noqa: BLE001 -- it ended before its first await
                return ["failed", "raised", f"{type(error).__name__}: {error}"], []
            self._drive()
            return self._end(chain), self._sent(chain)

    def _drive(self):
        while True:
            queued = self.store.list_prompts(state=PromptState.QUEUED, limit=100)
            if queued:
                self._answer(queued)
            due_at = self.store.next_answer_at()
            if due_at is not None and (not queued or self.chance.random() < 0.3):
                self.clock.advance((due_at - self.clock.now()).total_seconds())
                retry_callbacks(self.runtime)
            elif not queued:
                return

    def _answer(self, queued):
        """Answer some, all before anything is committed, as a group of a part does; some of them twice."""
        some = self.chance.sample(queued, self.chance.randint(1, min(5, len(queued))))
        marked = self.chance.random() < 0.5
        with shared() if self.chance.random() < 0.5 else nullcontext():
            deliveries = [self._deliver(each, marked=marked) for each in some]
        self.clock.advance(1)
        verdicts = self.store.commit([each.unit for each in deliveries])
        assert verdicts == [Verdict.APPLIED] * len(some)
        if self.chance.random() < 0.2:
            again = self._deliver(some[0], marked=marked)
            assert self.store.commit([again.unit]) == [Verdict.CONFLICT]
        if marked:
            settle_marked(self.runtime)
        else:
            pairs = zip(some, deliveries, strict=True)
            settle(self.runtime, [scope_of(prompt) for prompt, each in pairs if each.ends_branch])

    def _deliver(self, prompt, *, marked):
        request = jsontext.load(self.store.requests([prompt.id])[prompt.id])
        body = body_of(request["contents"][-1]["parts"][-1]["text"])
        line = orjson.dumps({"key": prompt.id, "request": request, "status": "", "response": body})
        self.rows[prompt.id] = line
        row = self.provider.read_row(line)
        answer = AnswerRef(prompt.id, 0, 0, len(line))
        return deliver(
            self.runtime, prompt, Outcome(row.body, row.request, row.failure, answer), marked=marked
        )

    def _end(self, chain):
        record = self.store.chains([chain.id])[chain.id]
        if record.state is ChainState.DONE:
            return ["done", jsontext.load(record.result)]
        if record.state is ChainState.FAILED:
            return ["failed", record.failure.reason, record.failure.message]
        parked = self.store.list_prompts(state=PromptState.PARKED)
        return ["stuck", *(each.progress.failure.message for each in parked)]

    def _sent(self, chain):
        prompts = [each for each in self.store.chain_prompts(chain.id) if each.kind == "generate"]
        assert all(each.progress.attempt == 1 for each in prompts)
        requests = self.store.requests([each.id for each in prompts]).values()
        return [jsontext.load(each)["contents"][-1]["parts"][-1]["text"] for each in requests]

    def close(self):
        """Let go of the store."""
        self.store.close()
