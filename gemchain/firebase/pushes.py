"""The routes of `gemchain serve` as an HTTP function, for codebases whose `main.py` asks for it.

```python
from gemchain.firebase.pushes import push_function

gemchainPush = push_function("OPENAI_WEBHOOK_SECRET", "GEMCHAIN_PUSH_SECRET")
```

Anybody may call it, since services that send webhooks have no identity that Cloud Run knows: each route asks
for its own signature or secret, and is off without it. A call moves the time of the next question to now, and
queues a task for each batch that it is about; `gemchainDispatch` asks the provider. The crash story is that
of `gemchain.serve.routes`: a task that is lost is made up for by `gemchainSweep`.

https://firebase.google.com/docs/functions/http-events?gen=2nd
"""

import os
from collections.abc import Callable
from typing import Any

from gemchain.errors import ConfigurationError, MissingExtraError
from gemchain.firebase.parameters import REGION
from gemchain.runtime import active
from gemchain.serve.exchange import MOST_BYTES, Reply, json_reply
from gemchain.serve.keys import Keys
from gemchain.serve.routes import Pushes

try:
    from firebase_functions import https_fn, logger
    from flask import Request, Response
except ImportError as error:
    raise MissingExtraError("gemchain on Firebase", "firebase") from error

__all__ = ["SECRETS", "answer", "push_function"]

SECRETS = (
    "OPENAI_WEBHOOK_SECRET",
    "GEMCHAIN_OPENAI_WEBHOOK_SECRET",
    "GEMCHAIN_GEMINI_WEBHOOK_SECRET",
    "GEMCHAIN_PUSH_SECRET",
)
"""Secrets of Firebase that the function can be given."""

_Function = Callable[[Request], Response]


def push_function(*secrets: str, **options: Any) -> _Function:
    """The function `gemchainPush`; the variable of `main.py` must bear this name.

    Args:
        *secrets: Names of Firebase secrets, of `SECRETS`. Each has to be set before a deploy.
        **options: Options of `https_fn.on_request` that differ from gemchain's.

    Raises:
        ConfigurationError: No secret, or one of another name: no route would be on by it.
    """
    unknown = [name for name in secrets if name not in SECRETS]
    if unknown or not secrets:
        given = ", ".join(unknown) or "none"
        raise ConfigurationError(f"push_function() takes names of {', '.join(SECRETS)}; not {given}")
    chosen = {"region": REGION, "timeout_sec": 60, "memory": 512, "invoker": "public", **options}

    @https_fn.on_request(secrets=list(secrets), **chosen)
    def gemchainPush(request: Request) -> Response:  # noqa: N802 -- a function's name
        return answer(request)

    made: _Function = gemchainPush
    return made


def answer(request: Request) -> Response:
    """Answer a request of Flask by the routes."""
    body = request.stream.read(MOST_BYTES + 1)
    reply = _handled(request, body)
    return Response(reply.body, reply.status, dict(reply.headers))


def _handled(request: Request, body: bytes) -> Reply:
    runtime = active()
    try:
        pushes = Pushes(runtime, Keys.of(runtime.settings, os.environ))
    except ConfigurationError as error:
        logger.error(f"gemchain: {error}")
        return json_reply(503, {"error": "this function is not set up"})
    return pushes.handle(request.method, request.full_path, dict(request.headers), body)
