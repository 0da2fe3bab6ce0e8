"""Authorisation of callers that start chains over HTTP: they send a key in a header.

A function that starts chains is protected twice. First by Cloud Run: a function deployed with
`invoker="private"` can be called only with an identity that has the role `run.invoker`. This is part of the
project's IAM policy, which one command can change. The function cannot see such a change: Cloud Run removes
the signature of the token that it has checked, so the token proves nothing inside the function. So the
function checks a key of its own, too: the Firebase secret GEMCHAIN_START_KEY, in the header `X-Gemchain-Key`.
The emulator has neither protection.

https://cloud.google.com/run/docs/troubleshooting#signature-removed
"""

import functools
import hmac
import os
from collections.abc import Callable

from gemchain.errors import MissingExtraError
from gemchain.firebase.parameters import START_KEY

try:
    from firebase_functions import logger
    from flask import Request, Response
except ImportError as error:
    raise MissingExtraError("gemchain on Firebase", "firebase") from error

__all__ = ["HEADER", "SHORTEST", "with_the_key"]

HEADER = "X-Gemchain-Key"
SHORTEST = 16
"""Characters of a key, at least: with a shorter key every call is refused."""

_Function = Callable[[Request], Response]


def with_the_key(function: _Function) -> _Function:
    """Decorate an HTTP function so that only calls with the key reach it; goes below `on_request`.

    Answers 401 when the key is missing, and 403 when it is wrong. If no key of at least `SHORTEST` characters
    is deployed, every call gets 403: a forgotten secret closes the function and does not open it.
    """

    @functools.wraps(function)
    def guarded(request: Request) -> Response:
        return _refusal(request) or function(request)

    return guarded


def _refusal(request: Request) -> Response | None:
    if os.environ.get("FUNCTIONS_EMULATOR") == "true":
        return None
    sent, expected = request.headers.get(HEADER, ""), START_KEY.value.strip()
    if len(expected) < SHORTEST:
        logger.error(
            f"gemchain: the secret GEMCHAIN_START_KEY has under {SHORTEST} characters; every call is refused"
        )
        return _refuse(403, "this function is not set up")
    if not sent:
        return _refuse(401, f"the header {HEADER} is missing")
    if not hmac.compare_digest(sent.encode(), expected.encode()):
        return _refuse(403, f"the key in the header {HEADER} is wrong")
    return None


def _refuse(status: int, text: str) -> Response:
    return Response(f"{text}\n", status, mimetype="text/plain")
