"""The file of settings: `gemchain.toml`, or `[tool.gemchain]` in `pyproject.toml`."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from gemchain.errors import ConfigurationError
from gemchain.settings import TABLES, Settings

__all__ = ["OWN_FILE", "PATHS", "PROJECT_FILE", "SettingsFile", "find_file"]

OWN_FILE = "gemchain.toml"
PROJECT_FILE = "pyproject.toml"
TABLE = "[tool.gemchain]"

PATHS = frozenset({"application", "prices", "state"})
"""Settings that are paths; a relative one in a file starts at the file's folder."""


class SettingsFile(NamedTuple):
    """A file of settings, and the settings in it by name."""

    path: Path
    values: Mapping[str, Any]


def find_file(folders: Iterable[Path]) -> SettingsFile | None:
    """The file of the first folder that has one; None when no folder has.

    Raises:
        ConfigurationError: It cannot be read, names an unknown setting or a secret, or has a value of
            another type; or a folder has settings in both files.
    """
    for folder in folders:
        own, project = folder / OWN_FILE, folder / PROJECT_FILE
        tables = [(path, table) for path in (own, project) if (table := _table(path)) is not None]
        if len(tables) > 1:
            raise ConfigurationError(
                f"{folder} has settings in {OWN_FILE} and in {TABLE} of {PROJECT_FILE}; move them into one"
            )
        if tables:
            return _checked(*tables[0])
    return None


def _table(path: Path) -> Any:
    """The table of settings in a file; None when the file or the table does not exist."""
    if not path.is_file():
        return None
    try:
        data = path.read_bytes()
        if path.name == PROJECT_FILE and b"gemchain" not in data:  # most have no such table, and take longer
            return None
        import tomllib

        content = tomllib.loads(data.decode())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    if path.name == OWN_FILE:
        return content
    tool = content.get("tool")
    return tool.get("gemchain") if isinstance(tool, dict) else None


def _checked(path: Path, table: Any) -> SettingsFile:
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: tool.gemchain is a table of settings, not {table!r}")
    defaults = Settings()
    for name, value in table.items():
        if name not in Settings.names():
            raise ConfigurationError(f"{path}: {_unknown(path, name, value)}")
        if name in _secrets():
            raise ConfigurationError(
                f"{path}: {name!r} is a secret and does not belong in a file that is shared; set "
                f"GEMCHAIN_{name.upper()}"
            )
        _check_type(path, name, value, type(getattr(defaults, name)))
    return SettingsFile(path, {name: _value(path, name, value) for name, value in table.items()})


def _unknown(path: Path, name: str, value: Any) -> str:
    if isinstance(value, dict) and path.name == OWN_FILE:
        return f"[{name}] is no setting; in {OWN_FILE} settings stand at the top, without a table"
    near = get_close_matches(name, Settings.names(), n=1)
    return f"no setting is called {name!r}; " + (
        f"did you mean {near[0]!r}?" if near else "`gemchain config` lists them"
    )


def _secrets() -> set[str]:
    return {each.name for each in fields(Settings) if not each.repr}


def _check_type(path: Path, name: str, value: Any, wanted: type) -> None:
    """Refuse a value of another type. TOML has types, so a text that looks like a number is a mistake."""
    if type(value) is wanted or (wanted is float and type(value) is int):
        return
    if isinstance(value, dict) and name in TABLES:
        return
    kind = {str: "a text in quotes", int: "a whole number", float: "a number", bool: "true or false"}
    raise ConfigurationError(f"{path}: {name!r} is {kind.get(wanted, wanted.__name__)}, not {value!r}")


def _value(path: Path, name: str, value: Any) -> Any:
    if name in PATHS and value:
        return str(path.parent / Path(value).expanduser())
    return value
