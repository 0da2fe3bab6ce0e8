"""The settings in force, and the source of each: configure(), the environment, a file, the default."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from gemchain.configuration.file import SettingsFile, find_file
from gemchain.configuration.variables import unknown_variables, variable_of, warn_of_unknown_variables
from gemchain.errors import ConfigurationError
from gemchain.functions.application import script_folder
from gemchain.settings import Settings

__all__ = ["Source", "Sources", "current_settings", "find_sources", "folders_of"]


class Source(StrEnum):
    """Where a value comes from, the strongest first."""

    CONFIGURE = "configure()"
    COMMAND = "command line"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


class Sources(NamedTuple):
    """The settings, and where each comes from.

    Attributes:
        settings: The values in force.
        source: The source of each setting, by name.
        file: The file that was read; None when there is none.
        unknown: `GEMCHAIN_…` variables that mean nothing, each with the nearest name that does, or None.
    """

    settings: Settings
    source: Mapping[str, Source]
    file: Path | None
    unknown: Mapping[str, str | None]


def current_settings(**changes: Any) -> Settings:
    """The settings in force, changed by `changes`; the first call names unknown variables in the log.

    Raises:
        ConfigurationError: An unknown setting, a wrong value, or a file that cannot be read.
    """
    warn_of_unknown_variables(os.environ)
    return find_sources(os.environ, application=changes.get("application")).settings.changed(**changes)


def find_sources(environment: Mapping[str, str], *, application: str | Path | None = None) -> Sources:
    """The settings from the environment and the file, without those given to `configure()`.

    Args:
        environment: Variables by name.
        application: The application's folder; when None, what the environment says.

    Raises:
        ConfigurationError: A wrong value, or a file that cannot be read.
    """
    file = find_file(folders_of(application or environment.get(variable_of("application"), "")))
    settings = Settings() if file is None else _with_file(Settings(), file)
    given = {name: variable_of(name) for name in Settings.names() if variable_of(name) in environment}
    for name, variable in given.items():
        settings = _changed(settings, name, environment[variable], variable)
    source = dict.fromkeys(Settings.names(), Source.DEFAULT)
    source |= dict.fromkeys(file.values if file else (), Source.FILE) | dict.fromkeys(
        given, Source.ENVIRONMENT
    )
    return Sources(settings, source, file.path if file else None, unknown_variables(environment))


def folders_of(application: str | Path) -> list[Path]:
    """The folders in which a file of settings is looked for: the application's, then the current one.

    Args:
        application: The application's folder; when empty, that of the running script, if it is the user's.
    """
    own = Path(application) if application else script_folder()
    folders = [Path.cwd()] if own is None else [own.resolve(), Path.cwd()]
    return list(dict.fromkeys(folders))


def _with_file(settings: Settings, file: SettingsFile) -> Settings:
    for name, value in file.values.items():
        settings = _changed(settings, name, value, str(file.path))
    return settings


def _changed(settings: Settings, name: str, value: Any, place: str) -> Settings:
    try:
        return settings.changed(**{name: value})
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error}") from error
