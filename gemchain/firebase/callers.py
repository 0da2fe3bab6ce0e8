"""Who may start chains over HTTP: callers that send the key.

Two walls stand before a function that starts chains. The outer one is Cloud Run's: a function deployed with
`invoker="private"` is reached only with an identity that has the role `run.invoker`. It stands in the
project's IAM policy, where one command takes it down, and a function cannot see whether it still stands:
Cloud Run removes the signature of the token that it has checked, so the token proves nothing in here. The
inner wall is therefore a key of its own, the Firebase secret GEMCHAIN_START_KEY, in the header
`X-Gemchain-Key`. The emulator has neither wall.

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
"""Characters of a key, at least. A shorter key lets no caller in."""

_Function = Callable[[Request], Response]


def with_the_key(function: _Function) -> _Function:
    """Refuse calls of an HTTP function without the key; goes below `on_request`.

    Answers 401 when there is no key, 403 when it is the wrong one. Where no key of `SHORTEST` characters is
    deployed, every call gets 403: a forgotten secret closes the function and does not open it.
    """

    @functools.wraps(function)
    def guarded(request: Request) -> Response:
        return _refusal(request) or function(request)

    return guarded


def _refusal(request: Request) -> Response | None:
    if os.environ.get("FUNCTIONS_EMULATOR") == "true":
        return None
    given, wanted = request.headers.get(HEADER, ""), START_KEY.value.strip()
    if len(wanted) < SHORTEST:
        logger.error(
            f"gemchain: the secret GEMCHAIN_START_KEY has under {SHORTEST} characters; nobody may start"
        )
        return _no(403, "this function is not set up")
    if not given:
        return _no(401, f"the header {HEADER} is missing")
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        return _no(403, f"the key in the header {HEADER} is another")
    return None


def _no(status: int, words: str) -> Response:
    return Response(f"{words}\n", status, mimetype="text/plain")
