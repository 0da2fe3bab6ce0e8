"""Functions by name: how a callback is stored, and who may be called when its answer arrives.

A callback is stored as `module:qualname` and checked at once by resolving it back to the same
object. What is resolved later comes out of a database, so a name is not trusted: it must lead to
a plain function, defined in the very module that is named, and that module must belong to the
application. A record can never name `os:system`.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from gemchain.errors import ContinuationError, UnresolvedError
from gemchain.functions import classes
from gemchain.functions.application import Application, home_of
from gemchain.functions.by_value import ByValue
from gemchain.functions.closures import PREFIX
from gemchain.functions.decorators import ALIASES, callback_names, chain_options
from gemchain.functions.own_key import OwnKey
from gemchain.functions.session import is_of_session
from gemchain.functions.signatures import check_plain, check_signature

__all__ = ["Continuations"]


def _named(module: ModuleType, name: str) -> Iterator[FunctionType]:
    """The functions of a module that are, or were, stored under a name other than their own."""
    for each in vars(module).values():
        mark = callback_names(each)
        if not isinstance(each, FunctionType) or each.__module__ != module.__name__:
            continue
        if mark is not None and (name == mark.name or name in mark.aliases):
            yield each


def _is_module_name(name: str) -> bool:
    return all(each.isidentifier() for each in name.split("."))


class Continuations:
    """Turns functions into names and names into functions, for one application.

    Args:
        application: Folder whose modules belong to the application; the current folder and the
            folder of the running script when None.
        modules: Further modules or packages, by name, that callbacks may come from.
        signing_key: Secret that signs functions by value; without one they are refused.
        without: A folder whose files are no modules: that of the file storage, where files of users lie.
        own_key: The state's own key, which signs functions of a session when there is no `signing_key`.
    """

    def __init__(
        self,
        application: Path | None = None,
        modules: Sequence[str] = (),
        signing_key: str = "",
        *,
        without: Path | None = None,
        own_key: OwnKey | None = None,
    ) -> None:
        self._application = Application(application, modules, without)
        self._values = ByValue(signing_key, own_key)
        self._functions: dict[str, Callable[..., Any]] = {}
        self._programs: dict[str, Callable[..., Any]] = {}
        self._models: dict[str, Any] = {}
        self._errors: dict[type[Exception], str | None] = {}
        self._names: dict[tuple[Callable[..., Any], tuple[str, ...]], str] = {}

    def name(
        self, function: Callable[..., Any], params: Sequence[str] = (), *, first: str = "response"
    ) -> str:
        """The name under which `function` is stored.

        Args:
            function: A function at the top level of one of the application's modules.
            params: Names of the keyword arguments it will be called with.
            first: What its first argument will be, for the error message; empty when it takes none.

        Raises:
            ContinuationError: It cannot be found again by name, or cannot take these arguments.
        """
        arguments = (first, *params)
        known = self.known(function, arguments)
        if known is not None:
            return known
        name = self._describe(function)
        check_signature(function, name, params, first)
        self._names[function, arguments] = name
        return name

    def known(self, function: Callable[..., Any], arguments: tuple[str, ...]) -> str | None:
        """The name of a function that was found to take these arguments before; None when it was not."""
        return self._names.get((function, arguments)) if type(function) is FunctionType else None

    def by_value(
        self, function: Callable[..., Any], role: str, params: Sequence[str] = (), *, first: str = "response"
    ) -> tuple[str, str]:
        """The name under which a function without a name is stored, and the function itself as signed text.

        Args:
            function: The function.
            role: What it is for: `callback`, `on_error` or `retry_if`. In another it will not be loaded.
            params: As for `name`.
            first: As for `name`.

        Raises:
            ContinuationError: There is no signing key, or it cannot be pickled, or not called so.
        """
        name = f"{PREFIX}{getattr(function, '__qualname__', type(function).__name__)}"
        check_signature(function, name, params, first)
        return name, self._values.sign(function, role)

    def is_by_value(self, function: Callable[..., Any]) -> bool:
        """Whether a function has no name to be found by, and there is a key to store it all the same."""
        return self._values.takes(function)

    def load(self, signed: str, role: str) -> Callable[..., Any]:
        """The function behind signed text, to be called in this role.

        Raises:
            UnresolvedError: There is no key, or the text does not verify; nothing of it was loaded.
        """
        function: Callable[..., Any] = self._values.load(signed, role)
        return function

    def _describe(self, function: Callable[..., Any]) -> str:
        check_plain(function)
        mark = callback_names(function)
        name = mark.name if mark else function.__qualname__
        try:
            name = f"{home_of(function)}:{name}"
            found = self.resolve(name)
        except UnresolvedError as error:
            raise ContinuationError(f"{name!r} cannot be a callback: {error}") from error
        if found is not function:
            raise ContinuationError(
                f"{name!r} leads to another object than the one given; is the name bound twice in its module?"
            )
        return name

    def chain_by_value(self, function: Callable[..., Any]) -> tuple[str, str | None]:
        """The name and version under which an async chain is stored, and it itself as signed text if need be.

        Raises:
            ContinuationError: It cannot be found again by that name, nor be stored by value.
        """
        mark = chain_options(function)
        if mark is None or not (is_of_session(function) and self._values.takes_session()):
            return self.chain_name(function), None
        return f"{PREFIX}{mark.name}@{mark.version}", self._values.sign(function, "chain")

    def chain_name(self, function: Callable[..., Any]) -> str:
        """The name and version under which an async chain is stored, as `module:name@version`.

        Raises:
            ContinuationError: It cannot be found again by that name.
        """
        mark = chain_options(function)
        if mark is None:
            raise ContinuationError(f"{function.__qualname__!r} is async; decorate it with @gemchain.chain")
        if "<locals>" in function.__qualname__:
            raise ContinuationError(
                f"{function.__qualname__!r} is nested in a function; move it to the top level of a module"
            )
        name = f"{mark.name}@{mark.version}"
        try:
            name = f"{home_of(function)}:{name}"
            found = self.resolve_chain(name)
        except UnresolvedError as error:
            raise ContinuationError(f"{name!r} cannot be a chain: {error}") from error
        if found is not function:
            raise ContinuationError(
                f"{name!r} leads to another function; do two chains share name and version?"
            )
        return name

    def resolve_chain(self, name: str) -> Callable[..., Any]:
        """The async function that was stored as `module:name@version`.

        Raises:
            UnresolvedError: No such function, or no such version of it.
        """
        known = self._programs.get(name)
        if known is None:
            known = self._programs[name] = self._look_up_chain(name)
        return known

    def _look_up_chain(self, name: str) -> Callable[..., Any]:
        module_name, _, rest = name.partition(":")
        chain, _, version = rest.partition("@")
        numbered = version.isdecimal() and len(version) < len("1000000000")
        if not _is_module_name(module_name) or not numbered:
            raise UnresolvedError(f"{name!r} is not of the form module:chain@version")
        module = self._application.module(module_name)
        found = {
            mark.version: each
            for each in vars(module).values()
            if isinstance(each, FunctionType) and each.__module__ == module.__name__
            for mark in [chain_options(each)]
            if mark is not None and mark.name == chain
        }
        if int(version) not in found:
            there = ", ".join(map(str, sorted(found))) or "none"
            raise UnresolvedError(
                f"module {module_name!r} has no version {version} of chain {chain!r} (deployed: {there})"
            )
        return found[int(version)]

    def resolve(self, name: str) -> Callable[..., Any]:
        """The function that was stored as `name`.

        Raises:
            UnresolvedError: No such function, or one that may not be called; the message says which.
        """
        known = self._functions.get(name)
        if known is not None:
            return known
        # One step only: names that point to each other would go on for ever.
        function = self._look_up(ALIASES.get(name, name))
        self._functions[name] = function
        return function

    def _look_up(self, name: str) -> Callable[..., Any]:
        module_name, colon, qualname = name.partition(":")
        if not colon or not qualname.isidentifier() or not _is_module_name(module_name):
            raise UnresolvedError(f"{name!r} is not of the form module:function")
        module = self._application.module(module_name)
        function = vars(module).get(qualname)
        if function is None:
            renamed = next(_named(module, qualname), None)
            if renamed is not None:
                return renamed
            moved = ALIASES.get(name, name)
            if moved != name:  # the import has just reported it
                return self._look_up(moved)
            raise UnresolvedError(f"module {module_name!r} has no function {qualname!r}")
        if not isinstance(function, FunctionType):
            raise UnresolvedError(f"{name!r} is not a plain function but a {type(function).__name__}")
        if function.__module__ != module.__name__ or function.__qualname__ != qualname:
            raise UnresolvedError(f"{name!r} is only imported there; it is {function.__module__}:{qualname}")
        return function

    def model_name(self, model: type) -> str:
        """The name under which a pydantic model class is stored, as `module:Class`; a session's is its code.

        Raises:
            RequestError: It cannot be found again by that name.
        """
        if is_of_session(model) and self._values.takes_session():
            return self._values.class_name(model, "model")
        try:
            name = f"{home_of(model)}:{model.__qualname__}"
            found = self.resolve_model(name)
        except UnresolvedError as error:
            raise classes.refusal(model, str(error)) from error
        if found is not model:
            raise classes.refusal(model, f"{name!r} leads to another class")
        return name

    def resolve_model(self, name: str) -> Any:
        """The pydantic model class that was stored as `name`.

        Raises:
            UnresolvedError: No such class, or no model class of the application's own.
        """
        if name.startswith(PREFIX):
            return classes.checked_model(self._values.load(name.removeprefix(PREFIX), "model"))
        known = self._models.get(name)
        if known is None:
            known = self._models[name] = classes.find_model(name, self._application.module)
        return known

    def error_name(self, kind: type[Exception]) -> str | None:
        """The name under which an exception class is stored, as `module:Class`; None if it has none.

        Only classes at the top level of the application's own modules have one, and those of a session.
        """
        if is_of_session(kind) and self._values.takes_session():
            return self._values.class_name(kind, "error")
        if kind not in self._errors:
            try:
                name = f"{home_of(kind)}:{kind.__qualname__}"
                self._errors[kind] = name if self.resolve_error(name) is kind else None
            except UnresolvedError:
                self._errors[kind] = None
        return self._errors[kind]

    def resolve_error(self, name: str) -> type[Exception]:
        """The exception class that was stored as `name`.

        Raises:
            UnresolvedError: No such class, or no exception of the application's own.
        """
        if name.startswith(PREFIX):
            return classes.checked_error(self._values.load(name.removeprefix(PREFIX), "error"))
        return classes.find_error(name, self._application.module)
