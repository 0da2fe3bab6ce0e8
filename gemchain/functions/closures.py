"""Functions by value, for what has no name to be found by: lambdas, nested functions, partials, methods.

A function becomes bytes with cloudpickle, and unpickling bytes runs code. So they are signed with the
application's own key (HMAC-SHA256), and the signature covers the role that the function was given, the
versions of Python and cloudpickle, and the code. What does not verify, or was made by another Python, is
never loaded.
"""

import base64
import hashlib
import hmac
import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import orjson

from gemchain.errors import ContinuationError, UnresolvedError

__all__ = ["PREFIX", "Signer"]

PREFIX = "value:"
"""What the stored name of a function by value begins with."""

WEAK = 16
"""Characters below which a key is refused."""


class Signer:
    """Signs functions and loads them again.

    Args:
        key: The application's secret; everybody who knows it can run code in the application.

    Raises:
        ContinuationError: The key is too short to be one.
    """

    def __init__(self, key: str) -> None:
        if len(key) < WEAK:
            raise ContinuationError(
                f"GEMCHAIN_SIGNING_KEY has {len(key)} characters and needs at least {WEAK}. Make one with: "
                'python -c "import secrets; print(secrets.token_urlsafe(32))"'
            )
        self._key = key.encode()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key is never stored")

    def sign(self, function: Callable[..., Any], role: str) -> str:
        """The function as signed text, to be called in this role and no other.

        Raises:
            ContinuationError: It holds something that cannot be pickled.
        """
        import cloudpickle

        code = self.pickled(function)
        sealed = {
            "python": _python(),
            "cloudpickle": cloudpickle.__version__,
            "sha256": hashlib.sha256(code).hexdigest(),
            "code": base64.b85encode(code).decode(),
        }
        return orjson.dumps(sealed | {"mac": self._mac(sealed, role)}).decode()

    @staticmethod
    def pickled(thing: Any) -> bytes:
        """The bytes of a function, a class or a value.

        Raises:
            ContinuationError: It cannot be pickled.
        """
        import cloudpickle

        try:
            code: bytes = cloudpickle.dumps(thing)
        except Exception as error:
            raise ContinuationError(f"{thing!r} cannot be stored by value: {error}") from error
        return code

    def load(self, text: str, role: str) -> Callable[..., Any]:
        """The function behind signed text.

        Raises:
            UnresolvedError: The text was not signed with this key for this role, was changed, or comes from
                another version of Python or cloudpickle. Nothing of it was loaded.
        """
        import cloudpickle

        sealed = _read(text)
        theirs_mac = str(sealed.get("mac", "")).encode(errors="replace")
        if not hmac.compare_digest(self._mac(sealed, role).encode(), theirs_mac):
            raise UnresolvedError(
                "the stored function does not bear this application's signature; it is not loaded"
            )
        theirs, ours = (sealed["python"], sealed["cloudpickle"]), (_python(), cloudpickle.__version__)
        if theirs != ours:
            raise UnresolvedError(
                f"the stored function was made by Python {theirs[0]} with cloudpickle {theirs[1]}; this is "
                f"Python {ours[0]} with cloudpickle {ours[1]}; run it where it was made, or cancel its chain"
            )
        with warnings.catch_warnings():
            # It may name modules by paths that they had when it was stored; see `base/moved.py`.
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                function = cloudpickle.loads(base64.b85decode(sealed["code"]))
            except Exception as error:
                raise UnresolvedError(
                    f"the stored function cannot be loaded here: {type(error).__name__}: {error}"
                ) from error
        if not callable(function):
            raise UnresolvedError("what is stored is no function")
        return function  # type: ignore[no-any-return]

    def _mac(self, sealed: dict[str, Any], role: str) -> str:
        fields = [str(sealed.get(name, "")) for name in ("python", "cloudpickle", "sha256", "code")]
        covered = "\x1f".join(("gemchain 1", role, *fields))
        return hmac.new(self._key, covered.encode(errors="replace"), hashlib.sha256).hexdigest()


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _read(text: str) -> dict[str, Any]:
    try:
        sealed = orjson.loads(text)
    except ValueError as error:
        raise UnresolvedError("the stored function is no longer readable") from error
    if not isinstance(sealed, dict):
        raise UnresolvedError("the stored function is no longer readable")
    return sealed
