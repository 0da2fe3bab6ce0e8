"""The application: the modules that callbacks, chains and model classes may come from.

What is resolved comes out of a database, so a name is not trusted: a module must lie under the
application's folder, and never in the standard library or among installed packages.
"""

import importlib
import re
import site
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from gemchain.errors import UnresolvedError
from gemchain.functions.session import is_of_session, main_file, main_name

__all__ = ["Application", "home_of", "known_home", "main_name", "program_name", "script_folder"]

_PACKAGES = frozenset({"site-packages", "dist-packages"})

_OWN = Path(__file__).resolve().parent.parent
"""gemchain itself: in a checkout of it, it lies among the application's modules."""


def program_name(folder: Path | None = None, anchor: Path | None = None) -> str:
    """The name of the application's script that runs; empty for installed programs and interactive sessions.

    A test runner or a web server is no application: what starts chains inside it is work without an owner.

    Args:
        folder: The application's folder; the current folder and that of the running script when None.
        anchor: The folder of the state: scripts of one name in several folders below it are several programs.
    """
    name, file = main_name(), main_file()
    if name is None or file is None or not Application(folder).contains(file):
        return ""
    return re.sub(r"[^\w.-]", "-", _named_below(name, file.resolve(), anchor))[-100:]


def _named_below(name: str, file: Path, anchor: Path | None) -> str:
    """The dotted path of a file below a folder; the module's name, and a digest of the path, elsewhere."""
    if anchor is None:
        return name
    if file.is_relative_to(anchor):
        return ".".join(file.relative_to(anchor).with_suffix("").parts).removesuffix(".__main__")
    return f"{name}-{blake2b(str(file).encode(), digest_size=4).hexdigest()}"


def home_of(thing: Any) -> str:
    """The name of the module in which another process finds a function or a class.

    Raises:
        UnresolvedError: It was typed into an interactive session, or it is of no module.
    """
    if is_of_session(thing):
        name = getattr(thing, "__name__", repr(thing))
        raise UnresolvedError(
            f"{name!r} lives in an interactive session, where nobody finds it again; put it in a file, or "
            "set GEMCHAIN_SIGNING_KEY, here and where its answers arrive"
        )
    home = getattr(thing, "__module__", None)
    if home is None:
        raise UnresolvedError(f"{thing!r} belongs to no module")
    return str(home if home != "__main__" else main_name())


def known_home(thing: Any) -> str:
    """The module that others know something in; `__main__` for what was typed into a session."""
    try:
        return home_of(thing)
    except UnresolvedError:
        return "__main__"


def _main_folder() -> Path | None:
    file = main_file()
    if file is None or getattr(sys.modules["__main__"], "__spec__", None) is not None:
        return None
    return file.resolve().parent


def script_folder() -> Path | None:
    """The folder of the user's script that runs; None when a module or an installed program runs."""
    folder = _main_folder()
    return None if folder is None or _is_installed(folder, _library_folders()) else folder


def _is_installed(path: Path, libraries: Iterable[Path]) -> bool:
    return bool(_PACKAGES & set(path.parts)) or any(path.is_relative_to(each) for each in libraries)


def _library_folders() -> tuple[Path, ...]:
    """Folders of the standard library and of installed packages."""
    paths = sysconfig.get_paths()
    found = {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")}
    return tuple(Path(each).resolve() for each in (*found, *site.getsitepackages()))


class Application:
    """The modules of one application.

    Args:
        folder: Whose modules belong to it; the current folder and that of the running script when None.
        modules: Further modules or packages, by name.
        without: A folder inside that holds no modules, whatever its files are called.
    """

    def __init__(
        self, folder: Path | None = None, modules: Sequence[str] = (), without: Path | None = None
    ) -> None:
        self._folders = self._application_folders(folder)
        self._modules = tuple(modules)
        self._libraries = (*_library_folders(), _OWN, *([without.resolve()] if without is not None else []))

    @staticmethod
    def _application_folders(folder: Path | None) -> tuple[Path, ...]:
        if folder is not None:
            return (folder.resolve(),)
        script = _main_folder()
        return (Path.cwd(),) if script is None else (Path.cwd(), script)

    def module(self, name: str) -> ModuleType:
        """The application's module of that name.

        Raises:
            UnresolvedError: There is none, or it is not the application's, or importing it failed.
        """
        if name == main_name() and name not in sys.modules:
            return self._main(name)
        self._check_ours(name)
        try:
            return importlib.import_module(name)
        except (Exception, SystemExit) as error:
            raise UnresolvedError(f"importing {name!r} failed: {type(error).__name__}: {error}") from error

    def contains(self, file: Path) -> bool:
        """Whether a file is one of the application's."""
        return self._is_ours(file)

    def _main(self, name: str) -> ModuleType:
        """What runs as `__main__`: a script of the application, and not one that some package installed."""
        main = sys.modules["__main__"]
        file = getattr(main, "__file__", None)
        if name not in self._modules and file is not None and not self._is_ours(Path(file)):
            raise UnresolvedError(f"script {name!r} is not the application's; setting 'modules' can allow it")
        return main

    def _check_ours(self, name: str) -> None:
        """Refuse a foreign module before anything of it is imported: importing runs code."""
        if any(name == each or name.startswith(f"{each}.") for each in self._modules):
            return
        top = name.partition(".")[0]
        for each in dict.fromkeys((top, name)):
            origins = self._origins(each)
            if not origins:
                raise UnresolvedError(
                    f"there is no module {each!r} here ({', '.join(map(str, self._folders))}): not deployed, "
                    "renamed, or of another application; each is a program of its own (setting 'program')"
                )
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
        if _is_installed(path, self._libraries):
            return False
        return any(path.is_relative_to(each) for each in self._folders)
