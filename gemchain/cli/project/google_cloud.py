"""Requests to Google Cloud's REST APIs, and their answers as JSON."""

from typing import Any, Protocol

from gemchain.errors import ConfigurationError, MissingExtraError

__all__ = ["Cloud", "GoogleCloud", "NotAnsweredError"]

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT = 30.0
NOT_FOUND = 404
BAD = 400


class NotAnsweredError(Exception):
    """The service refused the request; the message is its own."""


class Cloud(Protocol):
    """Sends requests with the credentials of the user who runs the command."""

    def ask(self, url: str, *, post: bool = False) -> dict[str, Any] | None:
        """The answer; None when the resource does not exist.

        Raises:
            NotAnsweredError: The service refused the request.
        """


class GoogleCloud:
    """Google Cloud itself.

    Args:
        session: Sends the requests; when None, a session with the user's own credentials.

    Raises:
        ConfigurationError: There are no credentials.
    """

    def __init__(self, session: Any = None) -> None:
        try:
            import google.auth
            from google.auth.exceptions import GoogleAuthError
            from google.auth.transport.requests import AuthorizedSession
        except ImportError as error:
            raise MissingExtraError("gemchain doctor", "firebase") from error
        self._failures = (GoogleAuthError, OSError)
        self._session, self.project = session, None
        if session is None:
            try:
                credentials, self.project = google.auth.default(scopes=[SCOPE])
            except GoogleAuthError as error:
                raise ConfigurationError(str(error)) from error
            self._session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]

    def ask(self, url: str, *, post: bool = False) -> dict[str, Any] | None:
        """See `Cloud.ask`."""
        try:
            reply = self._session.request("POST" if post else "GET", url, timeout=TIMEOUT)
        except self._failures as error:
            raise NotAnsweredError(str(error)) from error
        if reply.status_code == NOT_FOUND:
            return None
        if reply.status_code >= BAD:
            raise NotAnsweredError(f"{reply.status_code}: {_message(reply)}")
        answer: dict[str, Any] = reply.json()
        return answer


def _message(reply: Any) -> str:
    try:
        return str(reply.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return str(reply.text)[:200]
