"""Functions by name: how a callback is stored, and who may be called when its answer arrives.

A callback is stored as `module:qualname` and checked at once by resolving it back to the same
object. What is resolved later comes out of a database, so a name is not trusted: it must lead to
a plain function, defined in the very module that is named, and that module must belong to the
application. A record can never name `os:system`.
"""

import importlib
import inspect
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple, TypeVar

from gemchain import model_classes
from gemchain.closures import PREFIX, Signer
from gemchain.durable import chain_mark
from gemchain.errors import ContinuationError, UnresolvedError

__all__ = ["Continuations", "callback"]

_ANY = object()
F = TypeVar("F", bound=Callable[..., Any])


class NameMark(NamedTuple):
    """What `@gemchain.callback` says of a function: its stored name, and those it had before."""

    name: str
    aliases: tuple[str, ...]


_ALIASES: dict[str, str] = {}
"""Whole old names, module included, and the names that functions are stored under now."""


def callback(name: str | None = None, aliases: Sequence[str] = ()) -> Callable[[F], F]:
    """Keep a callback's stored name through renames, so that answers on their way still find it.

    Args:
        name: The name it is stored under; its own by default. Then the function may be renamed freely.
        aliases: Names it was stored under before: `finish`, or `old.module:finish` when it has moved. A
            whole name works as soon as the module it lives in now is imported.
    """

    def mark(function: F) -> F:
        stored = name or function.__name__
        if not stored.isidentifier():
            raise ContinuationError(f"a callback's name must be an identifier, not {stored!r}")
        function.__gemchain_name__ = NameMark(stored, tuple(aliases))  # type: ignore[attr-defined]
        _ALIASES.update({each: f"{function.__module__}:{stored}" for each in aliases if ":" in each})
        return function

    return mark


def _named(module: ModuleType, name: str) -> Iterator[FunctionType]:
    """The functions of a module that are, or were, stored under a name other than their own."""
    for each in vars(module).values():
        mark = getattr(each, "__gemchain_name__", None)
        if not isinstance(each, FunctionType) or each.__module__ != module.__name__:
            continue
        if isinstance(mark, NameMark) and (name == mark.name or name in mark.aliases):
            yield each


_PACKAGES = frozenset({"site-packages", "dist-packages"})


def _main_name() -> str | None:
    """The name by which another process would import what runs as `__main__`."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__") if spec.name.endswith(".__main__") else str(spec.name)
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else None


def _main_folder() -> Path | None:
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if not file or getattr(main, "__spec__", None) is not None:
        return None
    return Path(file).resolve().parent


def _library_folders() -> tuple[Path, ...]:
    """Folders of the standard library and of installed packages."""
    paths = sysconfig.get_paths()
    found = {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")}
    return tuple(Path(each).resolve() for each in (*found, *site.getsitepackages()))


class Continuations:
    """Turns functions into names and names into functions, for one application.

    Args:
        application: Folder whose modules belong to the application; the current folder and the
            folder of the running script when None.
        modules: Further modules or packages, by name, that callbacks may come from.
        signing_key: Secret that signs functions by value; without one they are refused.
    """

    def __init__(
        self, application: Path | None = None, modules: Sequence[str] = (), signing_key: str = ""
    ) -> None:
        self._folders = self._application_folders(application)
        self._modules = tuple(modules)
        self._signer = Signer(signing_key) if signing_key else None
        self._libraries = _library_folders()
        self._functions: dict[str, Callable[..., Any]] = {}
        self._models: dict[str, Any] = {}
        self._names: dict[tuple[Callable[..., Any], tuple[str, ...]], str] = {}

    @staticmethod
    def _application_folders(application: Path | None) -> tuple[Path, ...]:
        if application is not None:
            return (application.resolve(),)
        script = _main_folder()
        return (Path.cwd(),) if script is None else (Path.cwd(), script)

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
        key = (function, (first, *params))
        known = self._names.get(key) if callable(function) else None
        if known is not None:
            return known
        name = self._describe(function)
        self._check_signature(function, name, params, first)
        self._names[key] = name
        return name

    def by_value(
        self, function: Callable[..., Any], params: Sequence[str] = (), *, first: str = "response"
    ) -> tuple[str, str]:
        """The name under which a nameless function is stored, and the function itself as signed text.

        Raises:
            ContinuationError: There is no signing key, or it cannot be pickled, or not called so.
        """
        assert self._signer is not None
        name = f"{PREFIX}{getattr(function, '__qualname__', type(function).__name__)}"
        self._check_signature(function, name, params, first)
        return name, self._signer.sign(function)

    def is_by_value(self, function: Callable[..., Any]) -> bool:
        """Whether a function has no name to be found by, and there is a key to store it all the same."""
        if self._signer is None or not callable(function) or isinstance(function, type):
            return False
        if not isinstance(function, FunctionType):
            return True
        return "<" in function.__qualname__ or "." in function.__qualname__

    def load(self, signed: str) -> Callable[..., Any]:
        """The function behind signed text.

        Raises:
            UnresolvedError: There is no key, or the text does not verify; nothing of it was loaded.
        """
        if self._signer is None:
            raise UnresolvedError(
                "the function was stored by value, and GEMCHAIN_SIGNING_KEY is not set here"
            )
        known = self._functions.get(signed)
        if known is None:
            known = self._functions[signed] = self._signer.load(signed)
        return known

    def _describe(self, function: Callable[..., Any]) -> str:
        self._check_plain(function)
        module, mark = function.__module__, getattr(function, "__gemchain_name__", None)
        if module == "__main__":
            main = _main_name()
            if main is None:
                raise ContinuationError(
                    f"{function.__name__!r} lives in an interactive session, where nobody finds it again; "
                    "put it in a file"
                )
            module = main
        name = f"{module}:{mark.name if mark else function.__qualname__}"
        try:
            found = self.resolve(name)
        except UnresolvedError as error:
            raise ContinuationError(f"{name!r} cannot be a callback: {error}") from error
        if found is not function:
            raise ContinuationError(
                f"{name!r} leads to another object than the one given; is the name bound twice in its module?"
            )
        return name

    @staticmethod
    def _check_plain(function: Callable[..., Any]) -> None:
        way_out = (
            "; move it to the top level of a module and pass what it needs in params, "
            "or set GEMCHAIN_SIGNING_KEY to store it by value"
        )
        if not isinstance(function, FunctionType):
            raise ContinuationError(f"a callback must be a plain function, not {function!r}{way_out}")
        if function.__name__ == "<lambda>":
            raise ContinuationError(f"a lambda cannot be found again when its answer arrives{way_out}")
        if "<locals>" in function.__qualname__:
            raise ContinuationError(f"{function.__qualname__!r} is nested in a function{way_out}")
        if "." in function.__qualname__:
            raise ContinuationError(f"{function.__qualname__!r} is defined in a class{way_out}")

    @staticmethod
    def _check_signature(function: Callable[..., Any], name: str, params: Sequence[str], first: str) -> None:
        signature = inspect.signature(function)
        positional = (_ANY,) if first else ()
        try:
            signature.bind(*positional, **dict.fromkeys(params, _ANY))
        except TypeError as error:
            given = ", ".join([*([first] if first else []), *(f"{each}=…" for each in params)])
            raise ContinuationError(
                f"{name}{signature} cannot be called as ({given}): {error}. params must name its arguments"
            ) from error

    def chain_name(self, function: Callable[..., Any]) -> str:
        """The name and version under which an async chain is stored, as `module:name@version`.

        Raises:
            ContinuationError: It cannot be found again by that name.
        """
        mark = chain_mark(function)
        if mark is None:
            raise ContinuationError(f"{function.__qualname__!r} is async; decorate it with @gemchain.chain")
        if "<locals>" in function.__qualname__:
            raise ContinuationError(
                f"{function.__qualname__!r} is nested in a function; move it to the top level of a module"
            )
        module = function.__module__ if function.__module__ != "__main__" else _main_name()
        name = f"{module}:{mark.name}@{mark.version}"
        try:
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
        known = self._functions.get(name)
        if known is None:
            known = self._functions[name] = self._look_up_chain(name)
        return known

    def _look_up_chain(self, name: str) -> Callable[..., Any]:
        module_name, _, rest = name.partition(":")
        chain, _, version = rest.partition("@")
        if not all(part.isidentifier() for part in module_name.split(".")) or not version.isdigit():
            raise UnresolvedError(f"{name!r} is not of the form module:chain@version")
        module = self.module(module_name)
        found = {
            mark.version: each
            for each in vars(module).values()
            if isinstance(each, FunctionType) and each.__module__ == module.__name__
            for mark in [chain_mark(each)]
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
        function = self._look_up(name)
        self._functions[name] = function
        return function

    def _look_up(self, name: str) -> Callable[..., Any]:
        moved = _ALIASES.get(name)
        if moved is not None:
            return self.resolve(moved)
        module_name, colon, qualname = name.partition(":")
        if (
            not colon
            or not qualname.isidentifier()
            or not all(p.isidentifier() for p in module_name.split("."))
        ):
            raise UnresolvedError(f"{name!r} is not of the form module:function")
        module = self.module(module_name)
        function = vars(module).get(qualname)
        if function is None:
            renamed = next(_named(module, qualname), None)
            if renamed is not None:
                return renamed
            raise UnresolvedError(f"module {module_name!r} has no function {qualname!r}")
        if not isinstance(function, FunctionType):
            raise UnresolvedError(f"{name!r} is not a plain function but a {type(function).__name__}")
        if function.__module__ != module.__name__ or function.__qualname__ != qualname:
            raise UnresolvedError(f"{name!r} is only imported there; it is {function.__module__}:{qualname}")
        return function

    def model_name(self, model: type) -> str:
        """The name under which a pydantic model class is stored, as `module:Class`.

        Raises:
            RequestError: It cannot be found again by that name.
        """
        module = model.__module__ if model.__module__ != "__main__" else _main_name()
        name = f"{module}:{model.__qualname__}"
        try:
            found = self.resolve_model(name)
        except UnresolvedError as error:
            raise model_classes.refusal(model, str(error)) from error
        if found is not model:
            raise model_classes.refusal(model, f"{name!r} leads to another class")
        return name

    def resolve_model(self, name: str) -> Any:
        """The pydantic model class that was stored as `name`.

        Raises:
            UnresolvedError: No such class, or no model class of the application's own.
        """
        known = self._models.get(name)
        if known is None:
            known = self._models[name] = model_classes.find(name, self.module)
        return known

    def module(self, name: str) -> ModuleType:
        """The application's module of that name.

        Raises:
            UnresolvedError: There is none, or it is not the application's, or importing it failed.
        """
        if name == _main_name() and name not in sys.modules:
            return sys.modules["__main__"]
        self._check_ours(name)
        try:
            return importlib.import_module(name)
        except Exception as error:
            raise UnresolvedError(f"importing {name!r} failed: {type(error).__name__}: {error}") from error

    def _check_ours(self, name: str) -> None:
        """Refuse a foreign module before anything of it is imported: importing runs code."""
        if any(name == each or name.startswith(f"{each}.") for each in self._modules):
            return
        top = name.partition(".")[0]
        for each in dict.fromkeys((top, name)):
            origins = self._origins(each)
            if not origins:
                raise UnresolvedError(f"there is no module {each!r}")
            if not all(self._is_ours(origin) for origin in origins):
                raise UnresolvedError(
                    f"module {each!r} is not the application's (it lies outside of "
                    f"{', '.join(map(str, self._folders))}); setting 'modules' can allow it"
                )

    @staticmethod
    def _origins(name: str) -> list[Path]:
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if file:
            return [Path(file)]
        try:
            spec = find_spec(name)
        except (ImportError, ValueError, AttributeError):
            return []
        if spec is None:
            return []
        if spec.origin and spec.has_location:
            return [Path(spec.origin)]
        return [Path(each) for each in spec.submodule_search_locations or ()] or [Path("/built-in")]

    def _is_ours(self, origin: Path) -> bool:
        path = origin.resolve()
        if _PACKAGES & set(path.parts) or any(path.is_relative_to(each) for each in self._libraries):
            return False
        return any(path.is_relative_to(each) for each in self._folders)
