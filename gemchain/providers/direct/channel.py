"""What is sent to one model in one lane: the queue, the pace, and what is on its way.

Everything here happens inside the event loop, but for reading `held_up`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from gemchain.errors import ConfigurationError, ProviderUnavailableError
from gemchain.providers.direct.connections import Connections
from gemchain.providers.direct.endpoint import Endpoint
from gemchain.providers.direct.exchange import CutError, NotTakenError, Reply, post
from gemchain.providers.direct.limits import LONGEST, SHORTEST, Budgets, Window, backoff
from gemchain.providers.direct.told import left_of, retry_after
from gemchain.providers.direct.verdict import FORBIDDEN, Fate, of_reply, words_of
from gemchain.providers.direct.waiting import Asker, Waiting
from gemchain.records import Failure

__all__ = ["Channel"]

TRIES = 4
"""Times that a request is sent which the service may have seen, before it gives a row with the failure."""

KEEP = 30.0
"""Seconds after the last request for which connections are kept open."""

SHORT = 0.001
"""Seconds between two looks at what may be sent, at least."""

UNTIL_ALLOWED = 0.5
"""Seconds between two looks whether a run may send again."""

LONG = 2.0
"""Seconds for which nothing got through, from which on people are told."""


class Channel:
    """Sends the requests of all runs of one model in one lane.

    Args:
        connections: Where to.
        concurrency: Requests that are on their way at the same time, at most.
        budgets: What all lanes of the model share.
        random: Draws the jitter of pauses.
    """

    def __init__(self, connections: Connections, concurrency: int, budgets: Budgets, random: Random) -> None:
        self._window = Window(concurrency, random)
        self._budgets = budgets
        self._random = random
        self._connections = connections
        self._queue: deque[Waiting] = deque()
        self._flying: dict[asyncio.Task[None], Waiting] = {}
        self._resting: dict[Waiting, asyncio.TimerHandle] = {}
        self._later: asyncio.TimerHandle | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._held: tuple[str, float] | None = None
        self._served = False

    @property
    def held_up(self) -> str:
        """What it waits for, for people, when nothing gets through; else empty. Read by any thread."""
        held = self._held
        if held is None:
            return ""
        seconds = held[1] - time.monotonic()
        return f"{held[0]}; goes on in {seconds:.0f} s" if seconds >= 1 else held[0]

    def begin(self, endpoint: Endpoint) -> None:
        """Keep to the limits of this endpoint from now on."""
        self._window.resize(endpoint.concurrency)
        self._budgets.limit(endpoint.requests_per_minute, endpoint.tokens_per_minute)

    def add(self, waiting: Sequence[Waiting]) -> None:
        """Send these as soon as there is room."""
        self._queue.extend(waiting)
        self._pump()

    def drop(self, run: Asker, drain: float) -> None:
        """Send nothing more of this run, and give up what is on its way after so many seconds."""
        self._queue = deque(each for each in self._queue if each.run is not run)
        for waiting in [each for each in self._resting if each.run is run]:
            self._resting.pop(waiting).cancel()
        if drain > 0:
            asyncio.get_running_loop().call_later(drain, self._give_up, run)
        else:
            self._give_up(run)
        run.dropped()
        self._rest_if_idle()

    def _give_up(self, run: Asker) -> None:
        for task, waiting in list(self._flying.items()):
            if waiting.run is run:
                task.cancel()

    # Sending.

    def _pump(self) -> None:
        """Send what may be sent now, and look again when more may be."""
        now, passed = asyncio.get_running_loop().time(), 0
        while self._queue and len(self._flying) < self._window.size and self._renewing is None:
            waiting = self._queue[0]
            if waiting.run.is_over:
                self._queue.popleft()
                continue
            if not waiting.run.may_send:
                passed += 1
                if passed > len(self._queue):
                    self._look_again(UNTIL_ALLOWED)
                    return
                self._queue.rotate(-1)
                continue
            wait = max(self._window.wait(now), self._budgets.wait(now, waiting.tokens))
            if wait > 0:
                self._look_again(wait)
                return
            auth = waiting.run.endpoint.auth.headers()
            if auth is None:
                self._renew(waiting.run)
                return
            self._launch(self._queue.popleft(), auth)

    def _launch(self, waiting: Waiting, auth: Mapping[str, str]) -> None:
        self._budgets.spend(waiting.tokens)
        waiting.run.flying += 1
        task = asyncio.get_running_loop().create_task(self._send(waiting, auth))
        self._flying[task] = waiting
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.pop(task).run.flying -= 1
        self._pump()
        self._rest_if_idle()

    def _look_again(self, wait: float) -> None:
        loop = asyncio.get_running_loop()
        if self._later is not None:
            self._later.cancel()
        if self._held is None and wait > LONG and not self._flying:
            self._held = "the service's limits for each minute are used up", loop.time() + wait
        self._later = loop.call_later(max(wait, SHORT), self._pump)

    def _rest_if_idle(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
        if not (self._flying or self._queue or self._resting):
            self._held = None
            self._closing = asyncio.get_running_loop().call_later(KEEP, self._connections.close)

    async def _send(self, waiting: Waiting, auth: Mapping[str, str]) -> None:
        """Send one request and decide what becomes of it; whatever happens, it is not lost."""
        try:
            await self._ask(waiting, auth)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the others go on and this one gets a row
            words = f"the request cannot be sent: {type(error).__name__}: {error}"
            waiting.run.ended(waiting.row, 0, None, Failure("error", words))

    async def _ask(self, waiting: Waiting, auth: Mapping[str, str]) -> None:
        endpoint, sent_at = waiting.run.endpoint, asyncio.get_running_loop().time()
        connection = self._connections.take()
        try:
            reply = await post(connection, endpoint, auth, waiting.body)
        except NotTakenError as error:
            self._not_taken(waiting, sent_at, f"{endpoint.service} cannot be reached: {error}", crowded=False)
        except CutError as error:
            if error.timed_out:
                self._window.refused(asyncio.get_running_loop().time(), sent_at, 0.0)
            words = f"{endpoint.service} sent no whole answer: {error}"
            self._broken(waiting, Failure("server", words, retryable=True))
        else:
            self._decide(waiting, reply, sent_at)
        finally:
            self._connections.give_back(connection)

    # Deciding.

    def _decide(self, waiting: Waiting, reply: Reply, sent_at: float) -> None:
        endpoint, verdict = waiting.run.endpoint, of_reply(waiting.run.endpoint, reply)
        if reply.headers:
            told = left_of(reply.headers, datetime.now(UTC))
            self._budgets.told(asyncio.get_running_loop().time(), told)
        if verdict.failure is None:
            self._answered(waiting, reply)
        elif verdict.fate is Fate.NOT_TAKEN:
            after = retry_after(reply.headers, reply.body or {}, datetime.now(UTC))
            why = f"{endpoint.service} asks to wait: {verdict.failure.message}"
            self._not_taken(waiting, sent_at, why, after=after)
        elif verdict.fate is Fate.BROKEN:
            self._broken(waiting, verdict.failure)
        elif verdict.fate is Fate.REFUSED or (reply.status == FORBIDDEN and self._served):
            # Others were answered with the same key: it is about this request.
            self._got_through()
            waiting.run.ended(waiting.row, reply.status, reply.body, verdict.failure)
        elif verdict.fate is Fate.UNKNOWN_CALLER and not waiting.renewed and endpoint.auth.refused():
            waiting.renewed = True
            self._queue.appendleft(waiting)
        else:
            waiting.run.fail(ConfigurationError(words_of(endpoint, verdict.failure)))

    def _answered(self, waiting: Waiting, reply: Reply) -> None:
        self._served = True
        self._got_through()
        if self._budgets.settles_tokens and reply.body is not None:
            usage = waiting.run.endpoint.format.usage(reply.body)
            if took := usage.input + usage.output:  # not every server counts
                self._budgets.settle(waiting.tokens, took)
        waiting.run.ended(waiting.row, reply.status, reply.body)

    def _got_through(self) -> None:
        self._window.succeeded()
        self._held = None

    def _not_taken(
        self, waiting: Waiting, sent_at: float, why: str, *, after: float | None = None, crowded: bool = True
    ) -> None:
        """Send it again, before all others, when the service takes requests."""
        now = asyncio.get_running_loop().time()
        pause = min(max(after, SHORTEST), LONGEST) if after else None  # no time at all would be a busy loop
        self._window.refused(now, sent_at, pause, crowded=crowded)
        self._held = why, now + self._window.wait(now)
        self._queue.appendleft(waiting)

    def _broken(self, waiting: Waiting, failure: Failure) -> None:
        """Send it again a little later; the last time, give a row. One of a run that is over is let go."""
        waiting.tries += 1
        if waiting.run.is_over:
            return
        if waiting.tries < TRIES:
            pause = backoff(waiting.tries, self._random)
            self._resting[waiting] = asyncio.get_running_loop().call_later(pause, self._again, waiting)
            return
        told = replace(failure, message=f"{failure.message} (sent {waiting.tries} times)")
        waiting.run.ended(waiting.row, 0, None, told)

    def _again(self, waiting: Waiting) -> None:
        del self._resting[waiting]
        self._queue.appendleft(waiting)
        self._pump()

    # Credentials.

    def _renew(self, run: Asker) -> None:
        """Get new credentials in another thread; nothing is sent meanwhile."""
        self._renewing = asyncio.get_running_loop().create_task(self._renewed(run))

    async def _renewed(self, run: Asker) -> None:
        wait = 0.0
        try:
            await asyncio.to_thread(run.endpoint.auth.renew)
        except ProviderUnavailableError as error:
            wait = backoff(3, self._random)
            self._held = str(error), asyncio.get_running_loop().time() + wait
        except Exception as error:  # noqa: BLE001 -- told by `take`, where somebody hears it
            run.fail(error)
        self._renewing = None
        self._look_again(wait)
