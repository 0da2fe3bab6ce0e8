"""Single requests to Vertex AI: who asks, where, and in which lanes.

The crash story is that of `providers/direct`.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gemchain.errors import ProviderUnavailableError
from gemchain.ports import Capabilities
from gemchain.providers.capabilities import TABLE
from gemchain.records.lanes import BATCH, FLEX

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["GoogleAuth", "capabilities_of", "model_path"]

PUBLISHED = "publishers/google/models/"

_UPLOADED = re.compile(r"projects/[^/]+/locations/[^/]+/models/")
"""Names of models that answer batches, and single requests only at an endpoint of their own."""

_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?-")
LAST_FLEX = 3, 8
"""Flex takes "Gemini 3.8 Flash and earlier models", on the endpoint `global` alone.
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/flex-paygo"""


def capabilities_of(model: str, location: str) -> Capabilities:
    """What Vertex AI can do with a model in a location; with any model, when it is empty."""
    can = TABLE["vertex"]
    if not model:
        return can
    if _UPLOADED.match(model):
        return can._replace(lanes=(BATCH,))
    if location == "global" and _has_flex(model):
        return can
    return can._replace(lanes=tuple(each for each in can.lanes if each != FLEX))


def _has_flex(model: str) -> bool:
    found = _VERSION.match(model.removeprefix(PUBLISHED))
    return found is not None and (int(found[1]), int(found[2] or 0)) <= LAST_FLEX


def model_path(model: str, project: str, location: str) -> str:
    """The whole name of a model, as its requests are posted to it."""
    if model.startswith("projects/"):
        return model
    return f"projects/{project}/locations/{location}/{PUBLISHED}{model.removeprefix(PUBLISHED)}"


class GoogleAuth:
    """Google credentials as headers; see `Auth`. A token lives for an hour."""

    def __init__(self, credentials: "Credentials") -> None:
        self._credentials: Any = credentials
        self._is_refused = False

    def headers(self) -> Mapping[str, str] | None:
        """See `Auth.headers`."""
        if self._is_refused or not self._credentials.valid:
            return None
        found: dict[str, str] = {}
        self._credentials.apply(found)
        return found

    def refused(self) -> bool:
        """See `Auth.refused`."""
        self._is_refused = True
        return True

    def renew(self) -> None:
        """See `Auth.renew`."""
        from google.auth.exceptions import GoogleAuthError, TransportError
        from google.auth.transport.requests import Request

        from gemchain.providers.vertex_errors import no_credentials

        try:
            self._credentials.refresh(Request())
        except TransportError as error:
            raise ProviderUnavailableError(f"Google's credentials cannot be renewed now: {error}") from error
        except GoogleAuthError as error:
            raise no_credentials(error) from error
        self._is_refused = False
