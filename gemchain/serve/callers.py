"""Who calls: signatures of webhooks, a shared secret, and Google's identity tokens.

A call that is refused here has touched nothing: neither the store nor the waker.
"""

import hmac
from typing import Any

from gemchain.errors import MissingExtraError
from gemchain.serve.exchange import Call, RefusedError

__all__ = ["GOOGLE_CERTIFICATES", "check_secret", "check_signature", "check_token"]

HEADER = "x-gemchain-secret"
GOOGLE_CERTIFICATES = "https://www.googleapis.com/oauth2/v1/certs"
"""Where Google publishes the keys that sign identity tokens."""

_ISSUERS = ("accounts.google.com", "https://accounts.google.com")


def check_signature(call: Call, secret: str) -> None:
    """Let pass what a service has signed within the last five minutes; see https://www.standardwebhooks.com.

    Raises:
        RefusedError: 401 for a signature that is missing or wrong, 400 for one of another time.
    """
    try:
        from standardwebhooks.webhooks import Webhook, WebhookVerificationError
    except ImportError as error:
        raise MissingExtraError("a webhook's signature", "serve") from error
    try:
        Webhook(secret).verify(call.body, dict(call.headers), json_parse=False)
    except WebhookVerificationError as error:
        if "too old" in str(error) or "too new" in str(error):
            why = f"{error}: more than five minutes from now; is the clock right?"
            raise RefusedError(400, why) from error
        raise RefusedError(401, "the signature does not fit, or is missing") from error
    except ValueError as error:  # a header, or a body, that no signer makes
        raise RefusedError(401, "the signature cannot be read") from error


def check_secret(call: Call, secret: str, *, in_query: bool = False) -> None:
    """Let pass who knows the shared secret, which is compared in constant time.

    Args:
        call: The call.
        secret: What it must bring, in `Authorization: Bearer` or `X-Gemchain-Secret`.
        in_query: Whether `?token=` does, too, for senders that can set no header.

    Raises:
        RefusedError: 401 when it is missing or wrong.
    """
    candidates = [call.headers.get(HEADER, ""), _bearer(call)]
    if in_query:
        candidates.append(call.query.get("token", ""))
    given = [each for each in candidates if each]
    if not given:
        raise RefusedError(401, "the secret is missing: send it as `Authorization: Bearer SECRET`")
    fits = [hmac.compare_digest(each.encode(), secret.encode()) for each in given]
    if not any(fits):
        raise RefusedError(401, "the secret is wrong")


def check_token(call: Call, audience: str, account: str, certificates: str = GOOGLE_CERTIFICATES) -> None:
    """Let pass a service account of Google, by the identity token that Pub/Sub and Eventarc send.

    https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions

    Raises:
        RefusedError: 401 for a token that is missing, wrong, too old or another's; 503 when Google's keys
            cannot be had, so that the sender tries again.
    """
    try:
        from google.auth import exceptions, jwt
        from google.auth.transport.requests import Request
        from google.oauth2 import id_token
    except ImportError as error:
        raise MissingExtraError("Google's identity token", "gemini") from error
    token = _bearer(call)
    try:
        # Before Google's keys are asked for, so that nobody makes us ask with a token for others.
        said = jwt.decode(token, verify=False)  # type: ignore[no-untyped-call]
        _check_claims(said, audience, account)
        _check_claims(id_token.verify_token(token, Request(), audience, certificates), audience, account)
    except exceptions.TransportError as error:
        raise RefusedError(503, "Google's keys cannot be had now; send it again") from error
    except RefusedError:
        raise
    except Exception as error:  # the library lets through what its own libraries raise
        raise RefusedError(401, "the identity token is missing, too old, or not signed by Google") from error


def _check_claims(claims: Any, audience: str, account: str) -> None:
    fits = (
        claims.get("iss") in _ISSUERS
        and claims.get("aud") == audience
        and claims.get("email") == account
        and claims.get("email_verified") is True
    )
    if not fits:
        raise RefusedError(401, "the identity token is for another audience, or of another account")


def _bearer(call: Call) -> str:
    kind, _, value = call.headers.get("authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else ""
