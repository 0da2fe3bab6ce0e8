"""A screen of 24 lines: one line of each kind stays, and the next commands are shortened first."""

from io import StringIO

import pytest
from rich.console import Console

from gemchain.cli.output.screen import HEIGHT, Row, Section, print_rows

LONG = "python -c 'this command is so long that it needs more than one line of the screen' --and so on"


def printed(sections, width=80):
    file = StringIO()
    print_rows(Console(file=file, width=width), sections, full=False)
    lines = file.getvalue().splitlines()
    return [line[at : at + width] for line in lines for at in range(0, max(len(line), 1), width)]


def sections(*, waits=4, groups=1, continuations=4):
    words = "words that make it long " * 12
    commands = [
        row for n in range(continuations) for row in (Row("", f"why {n}:"), Row("", LONG, is_command=True))
    ]
    return [
        Section([Row(name, "1 DONE") for name in ("chains", "prompts", "batches", "tokens", "money")]),
        Section([Row("waits", words) for _ in range(waits)], is_long=True),
        Section([Row("parked", words, detail=words) for _ in range(groups)], is_long=True),
        Section([Row("failed", words, detail=words) for _ in range(groups)], is_long=True),
        Section([Row("next", "look:"), Row("", "show", is_command=True), *commands], gives_way=True),
    ]


@pytest.mark.parametrize("waits", [1, 4, 40])
@pytest.mark.parametrize("groups", [1, 9])
@pytest.mark.parametrize("continuations", [0, 1, 4, 9])
def test_each_kind_keeps_a_line_however_much_there_is(waits, groups, continuations):
    lines = printed(sections(waits=waits, groups=groups, continuations=continuations))
    assert len(lines) <= HEIGHT
    names = [line[:9].strip() for line in lines]
    assert {"chains", "waits", "parked", "failed", "next"} <= set(names)


def test_a_command_is_never_parted_from_what_it_is_for():
    for continuations in range(3, 9):
        *_, before, last = printed(sections(continuations=continuations))
        assert last.strip().endswith("more; --full shows all")
        assert not before.rstrip().endswith(":")


def test_everything_stands_where_there_is_room():
    assert not any("--full" in line for line in printed(sections(waits=1, continuations=1)))
