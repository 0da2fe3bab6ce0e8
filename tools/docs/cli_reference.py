"""The reference of the command line, made from the commands themselves."""

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["cli_reference"]

INTRODUCTION = """\
# Command line

Every command of `gemchain` with its arguments and options, made from the program itself.
`gemchain COMMAND --help` prints the same.
"""

BAR = "\\|"
"""A bar that does not end a cell of a table."""


def cli_reference() -> str:
    """The page, as Markdown: a list of the commands, then a section for each."""
    import typer

    from gemchain.cli.app import app

    program = typer.main.get_command(app)
    commands = dict(_commands(program))
    listed = [f"- [`gemchain {name}`](#{_anchor(name)}): {_first(each)}" for name, each in commands.items()]
    sections = [line for name, each in commands.items() for line in _section(name, each)]
    options = ["", "Options of `gemchain` itself:", "", *_rows(program, ["option"])]
    return "\n".join([INTRODUCTION, *listed, *options, *sections, ""])


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """All commands by the words that call them, those of groups included."""
    for name, each in group.commands.items():
        if each.hidden:
            continue
        if hasattr(each, "commands"):
            yield from _commands(each, f"{before}{name} ")
        else:
            yield f"{before}{name}", each


def _anchor(name: str) -> str:
    return f"gemchain-{name.replace(' ', '-')}"


def _first(command: Any) -> str:
    """The first paragraph of a command's help, on one line."""
    return " ".join((command.help or "").split("\n\n")[0].split())


def _section(name: str, command: Any) -> Iterator[str]:
    """A command: its help, how it is called, its arguments and options."""
    yield from ("", f"## `gemchain {name}` {{ #{_anchor(name)} }}", "", command.help or "", "")
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    words = [_metavar(each) for each in arguments]
    yield from ("```text", " ".join(["gemchain", name, *words, "[OPTIONS]"]), "```", "")
    yield from _rows(command, ["argument", "option"])


def _rows(command: Any, kinds: list[str]) -> list[str]:
    """A table of parameters; empty when there are none."""
    context = _context(command)
    rows = []
    for kind in kinds:
        for each in command.params:
            record = each.get_help_record(context) if each.param_type_name == kind else None
            if record is not None:
                name = _metavar(each) if kind == "argument" else record[0]
                rows.append(f"| {_code(name)} | {_cell(record[1])} |")
    return ["| argument or option | what it does |", "|---|---|", *rows] if rows else []


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _context(command: Any) -> Any:
    return command.context_class(command, info_name=command.name)


def _code(text: str) -> str:
    return f"`{text.replace('<int range>', 'N').replace('|', BAR)}`"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", BAR).replace("<", "&lt;")
