"""`gemchain config`: the value of each setting, and where it comes from."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from gemchain.cli.output.json_data import print_json
from gemchain.cli.run.loading import Target, import_file, locate
from gemchain.cli.state.opening import environment
from gemchain.configuration.file import OWN_FILE, PROJECT_FILE
from gemchain.configuration.sources import Source, Sources, find_sources, folders_of
from gemchain.configuration.variables import variable_of, warn_of_unknown_variables
from gemchain.display.console import wide_console
from gemchain.runtime import install
from gemchain.settings import Settings

__all__ = ["show_settings"]

HIDDEN = "(hidden)"
"""Stands for a secret that is set."""


class Row(NamedTuple):
    """A setting as it is shown; `place` is the variable or the file that it comes from."""

    name: str
    value: Any
    source: Source
    place: str


def show_settings(file: str | None, *, as_json: bool) -> None:
    """Print every setting, secrets hidden.

    Args:
        file: A chain's file, or FILE:FUNCTION, whose calls of `configure()` count; None for no file.
        as_json: Print data for programs.

    Raises:
        ConfigurationError: A value is wrong, or the file of settings cannot be read.
        InvalidInputError: The chain's file cannot be imported.
    """
    target = None if file is None else locate(file if ":" in file else f"{file}:_")
    with _sources(target) as sources:
        rows = list(_rows(sources))
    if as_json:
        print_json(
            {
                "settings": {
                    row.name: {"value": row.value, "source": row.source, "place": row.place} for row in rows
                },
                "file": None if sources.file is None else str(sources.file),
                "unknown": dict(sources.unknown),
            }
        )
    else:
        warn_of_unknown_variables(os.environ)
        _print(rows, sources, target)


@contextmanager
def _sources(target: Target | None) -> Iterator[Sources]:
    """The sources of all settings; those of a chain's file are known once it is imported."""
    if target is None:
        yield find_sources(os.environ)
        return
    with environment(None, target.root):
        sources = find_sources(os.environ)
        source = {**sources.source, "application": Source.COMMAND}
        import_file(target)
        runtime = install(None)
        install(runtime)
        if runtime is not None:
            source |= dict.fromkeys(runtime.configured, Source.CONFIGURE)
            sources = sources._replace(settings=runtime.settings)
        yield sources._replace(source=source)


def _rows(sources: Sources) -> Iterator[Row]:
    for each in fields(Settings):
        value = getattr(sources.settings, each.name)
        source = sources.source[each.name]
        yield Row(each.name, value if each.repr or not value else HIDDEN, source, _place(each.name, sources))


def _place(name: str, sources: Sources) -> str:
    match sources.source[name]:
        case Source.ENVIRONMENT:
            return variable_of(name)
        case Source.FILE:
            return str(sources.file)
        case source:
            return str(source)


def _print(rows: list[Row], sources: Sources, target: Target | None) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("setting", "value", "from"):
        table.add_column(name, overflow="fold", no_wrap=name == "setting")
    for row in rows:
        style = "dim" if row.source is Source.DEFAULT else ""
        place = Path(row.place).name if row.source is Source.FILE else row.place
        value = Text("empty", style="dim") if row.value == "" else Text(str(row.value), style=style)
        table.add_row(Text(row.name, style=style), value, Text(place, style=style))
    console = wide_console()
    console.print(table)
    console.print()
    for line in _notes(sources, target):
        console.print(Text(line), soft_wrap=True)


def _notes(sources: Sources, target: Target | None) -> Iterator[str]:
    if sources.file is not None:
        yield f"file: {sources.file}"
    else:
        application = target.root if target else os.environ.get(variable_of("application"), "")
        folders = " or ".join(map(str, folders_of(application)))
        yield f"no file: neither {OWN_FILE} nor [tool.gemchain] in {PROJECT_FILE} in {folders}"
    if target is None:
        yield "configure() in a chain's file wins over these; to see it: gemchain config FILE"
