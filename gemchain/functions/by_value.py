"""Functions and classes by value: which are stored so, which key signs them, and loading them again.

The application's own key (`signing_key`) signs whatever has no name to be found by. Without one, the state's
own key signs what was typed into a session, and nothing else.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

from gemchain.errors import ConfigurationError, ContinuationError, UnresolvedError
from gemchain.functions.closures import PREFIX, Signer
from gemchain.functions.own_key import OwnKey
from gemchain.functions.session import is_of_session, names_used

__all__ = ["ByValue"]

LOADED = 1_000
"""Functions by value that are kept in memory: each prompt may have its own."""

LARGEST = 1 << 20
"""Characters of a session's function, with all that it uses: each of its prompts is stored with it."""


class ByValue:
    """Signs and loads for one application.

    Args:
        signing_key: The application's secret; empty when it has none.
        own_key: The key of the state, made when it is first needed; None for a state in the cloud.
    """

    def __init__(self, signing_key: str, own_key: OwnKey | None) -> None:
        self._signer = Signer(signing_key) if signing_key else None
        self._is_own = self._signer is None
        self._own_key = own_key
        self._loaded: dict[tuple[str, str], Any] = {}
        self._classes: WeakKeyDictionary[type, str] = WeakKeyDictionary()

    def takes_session(self) -> bool:
        """Whether what was typed into a session can be stored."""
        return self._signer is not None or self._own_key is not None

    def takes(self, function: Callable[..., Any]) -> bool:
        """Whether a function has no name to be found by, and there is a key to store it all the same."""
        if not callable(function) or isinstance(function, type):
            return False
        if is_of_session(function):
            return self.takes_session()
        if self._is_own:
            return False
        if not isinstance(function, FunctionType):
            return True
        return "<" in function.__qualname__ or "." in function.__qualname__

    def sign(self, thing: Any, role: str) -> str:
        """A function or a class as signed text, to be used in this role.

        Raises:
            ContinuationError: It cannot be pickled, or it is too large for a session's.
            ConfigurationError: The state's own key cannot be made or read.
        """
        if self._signer is None:
            assert self._own_key is not None
            self._signer = Signer(self._own_key.make())
        try:
            signed = self._signer.sign(thing, role)
        except ContinuationError as error:
            raise ContinuationError(f"{error}{self._hint(thing)}") from error
        if len(signed) > LARGEST and is_of_session(thing):
            raise ContinuationError(
                f"{thing.__qualname__!r} is stored with all that it uses, {len(signed):,} bytes, of at most "
                f"{LARGEST:,}{self._largest(thing)}; pass what it needs in params, or put it into a file"
            )
        return signed

    def class_name(self, kind: type, role: str) -> str:
        """What stands for a session's class in a record: its code, signed."""
        known = self._classes.get(kind)
        if known is None:
            known = self._classes[kind] = PREFIX + self.sign(kind, role)
        return known

    def load(self, signed: str, role: str) -> Any:
        """What is behind signed text, to be used in this role.

        Raises:
            UnresolvedError: There is no key, or the text does not verify; nothing of it was loaded.
        """
        known = self._loaded.get((signed, role))
        if known is None:
            if len(self._loaded) >= LOADED:
                self._loaded.clear()
            known = self._loaded[signed, role] = self._verifier().load(signed, role)
        return known

    def _verifier(self) -> Signer:
        if self._signer is None:
            try:
                key = self._own_key.read() if self._own_key is not None else None
            except ConfigurationError as error:
                raise UnresolvedError(str(error)) from error
            if key is None:
                raise UnresolvedError(
                    "the function was stored by value, GEMCHAIN_SIGNING_KEY is not set here, and the "
                    "state has no key of its own"
                )
            self._signer = Signer(key)
        return self._signer

    def _hint(self, function: Any) -> str:
        """Which of the names that a session's function uses cannot be stored."""
        if not is_of_session(function):
            return ""
        names = [repr(name) for name, value in names_used(function) if self._size(value) is None]
        return f". It uses {', '.join(names)}: make that inside the function" if names else ""

    def _largest(self, function: Any) -> str:
        sizes = {name: self._size(value) or 0 for name, value in names_used(function)}
        name = max(sizes, key=lambda each: sizes[each], default=None)
        return "" if name is None else f". The largest is {name!r} with {sizes[name]:,}"

    def _size(self, value: Any) -> int | None:
        """Bytes of a value as it is stored; None when it cannot be."""
        assert self._signer is not None
        try:
            return len(self._signer.pickled(value))
        except ContinuationError:
            return None
