"""The routes: who may call each, and what a call does. Free of any web framework.

Every call does one thing: `hasten` makes the batches due that it is about, and wakes whoever works. The work
itself is done by a driver or a task, never by the call, so that the sender gets its reply at once.

Crash story. A call that dies before the commit changed nothing; the sender, who got no reply, sends it again,
and the provider is polled in any case. One that dies after the commit left due batches, which every driver
finds without the hint; sent again, it makes them due again, or finds them over and writes nothing. A call
that never comes costs time only: polling finds the job. A call that is forged, too old, or too large is
refused before anything is read. One that is repeated within its five minutes may make a running job be polled
once more; it cannot make a batch arrive, since only the provider's own word does that.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from gemchain.engine.operations.hasten import hasten
from gemchain.errors import GemchainError
from gemchain.records import Batch
from gemchain.runtime import Runtime
from gemchain.serve import callers, meanings
from gemchain.serve.exchange import MOST_BYTES, Call, RefusedError, Reply, json_reply
from gemchain.serve.followups import FollowUps
from gemchain.serve.keys import Keys

__all__ = ["HEALTH", "Pushes", "Route"]

log = logging.getLogger("gemchain")

HEALTH = "/healthz"


class Route(NamedTuple):
    """A route for notifications.

    Attributes:
        path: Where it is.
        told: Who calls it, for people.
        lacks: What has to be set before it is on; empty when it is on.
        check: Refuses callers that may not call.
        meaning: The batches that a call is about.
        early: Whether a call may come a little before the job is over.
    """

    path: str
    told: str
    lacks: str
    check: Callable[[Call], None]
    meaning: Callable[[Runtime, Call], list[Batch]]
    early: bool = True


def _routes(keys: Keys, certificates: str) -> Iterator[Route]:
    def by_token_or_secret(call: Call) -> None:
        if keys.audience:
            callers.check_token(call, keys.audience, keys.account, certificates)
        else:
            callers.check_secret(call, keys.shared, in_query=True)

    yield Route(
        "/webhooks/openai",
        "OpenAI's webhook",
        "" if keys.openai else "OPENAI_WEBHOOK_SECRET",
        lambda call: callers.check_signature(call, keys.openai),
        meanings.of_openai,
    )
    yield Route(
        "/webhooks/gemini",
        "the Gemini API's webhook",
        "" if keys.gemini else "GEMCHAIN_GEMINI_WEBHOOK_SECRET",
        lambda call: callers.check_signature(call, keys.gemini),
        meanings.of_gemini,
    )
    yield Route(
        "/notifications/storage",
        "Cloud Storage, by Pub/Sub or Eventarc",
        ""
        if keys.shared or keys.audience
        else "GEMCHAIN_PUSH_SECRET, or GEMCHAIN_PUSH_AUDIENCE and _ACCOUNT",
        by_token_or_secret,
        meanings.of_storage,
    )
    yield Route(
        "/batch_processing_done",
        "anybody with the secret",
        "" if keys.shared else "GEMCHAIN_PUSH_SECRET",
        lambda call: callers.check_secret(call, keys.shared),
        meanings.of_anybody,
        early=False,
    )


class Pushes:
    """Answers calls.

    Args:
        runtime: The state whose batches are meant.
        keys: The secrets; routes without theirs are off.
        certificates: Where the keys are that sign identity tokens.
        again: Where it is noted that a job that is not over yet is to be asked about again; None where
            whoever is woken does that.

    Attributes:
        routes: All routes but that of health.
    """

    def __init__(
        self,
        runtime: Runtime,
        keys: Keys,
        certificates: str = callers.GOOGLE_CERTIFICATES,
        again: FollowUps | None = None,
    ) -> None:
        self._runtime = runtime
        self._again = again
        self.routes = list(_routes(keys, certificates))

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one call. Never raises an error of gemchain's: a sender that gets 5xx sends it again.

        Args:
            method: The HTTP method.
            path: The path, and the query behind a question mark.
            headers: Of several with one name, the one that counts.
            body: As it came; `MOST_BYTES` and one more are enough to tell that it is too large.
        """
        call = Call.of(method, path, headers, body)
        try:
            return self._answer(call)
        except RefusedError as refused:
            log.info("refused %s %s: %d, %s", call.method, call.path, refused.status, refused)
            return json_reply(refused.status, {"error": str(refused)})
        except GemchainError as error:
            log.warning("%s %s failed: %s", call.method, call.path, error)
            return json_reply(503, {"error": "the state cannot be reached now; send it again"})

    def _answer(self, call: Call) -> Reply:
        if call.path == HEALTH:
            return _only(call, "GET", "HEAD") or json_reply(200, {"status": "ok"})
        route = next((each for each in self.routes if each.path == call.path), None)
        if route is None:
            raise RefusedError(404, "nothing is here")
        return _only(call, "POST") or self._notified(route, call)

    def _notified(self, route: Route, call: Call) -> Reply:
        if route.lacks:
            raise RefusedError(503, "this route is off: its secret is not set")
        if len(call.body) > MOST_BYTES:
            raise RefusedError(413, f"more than {MOST_BYTES} bytes")
        route.check(call)
        meant = route.meaning(self._runtime, call)
        if self._again is not None and route.early:  # before anybody is woken, who looks there
            self._again.add(meant, self._runtime.store.now())
        due = hasten(self._runtime, meant)
        log.info("%s: %s", route.path, ", ".join(each.id for each in due) or "nothing to collect")
        return json_reply(200, {"batches": [each.id for each in due]})


def _only(call: Call, *methods: str) -> Reply | None:
    """A refusal of all other methods."""
    if call.method in methods:
        return None
    return json_reply(405, {"error": f"use {methods[0]}"}, {"Allow": ", ".join(methods)})
