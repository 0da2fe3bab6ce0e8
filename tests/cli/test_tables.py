"""What `chains`, `batches` and `show` print on 80 columns, on few, and into a pipe."""

import pytest
from rich.console import Console
from rich.text import Text

from gemchain.cli.output.raised import raised_at
from gemchain.cli.output.tables import Column, fitted_table

FORK = """
import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"

def fork_into_two_branches_with_quite_a_long_name(topic):
    gemchain.submit(topic, MODEL, left)
    gemchain.submit(topic + "!", MODEL, right)

def left(response):
    gemchain.submit("again", MODEL, leftmost)

def leftmost(response):
    return response.text

def right(response):
    return helper(response)

def helper(response):
    raise ValueError("right is wrong")
"""

GATHER = """
import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"

def start(topic):
    gemchain.gather([gemchain.prompt(f"{topic} {n}", MODEL, step) for n in range(2)], joined)

def step(response):
    gemchain.submit("next", MODEL, value)

def value(response):
    return response.text

def joined(values):
    gemchain.submit("last", MODEL, value)

@gemchain.chain
async def write(topic):
    first = await gemchain.prompt(topic, MODEL)
    both = await gemchain.gather([gemchain.prompt(f"{first.text} {n}", MODEL) for n in range(2)])
    return (await gemchain.prompt(both[0].text, MODEL)).text
"""

AT_80 = {"COLUMNS": "80"}


def drawn(cli, chain, columns="80"):
    """The lines that begin with a prompt, without what tells one run from another."""
    lines = cli("show", chain, env={"COLUMNS": columns}).stdout.splitlines()
    ids = [each["id"] for each in cli.json("show", chain)["prompts"]]
    found = [line for line in lines if any(each[:13] in line for each in ids)]
    assert all(len(line) <= int(columns) for line in found)
    return [
        (line[: line.index(each[:13])], each, line) for line in found for each in ids if each[:13] in line
    ]


@pytest.fixture
def long_names(cli):
    cli.rows({"id": "a key that is much longer than a column", "topic": "This is a sentence. " * 9})
    cli.run(f"{cli.module(FORK)}:fork_into_two_branches_with_quite_a_long_name")
    return cli


@pytest.mark.parametrize("columns", ["80", "60", "40", "26"])
@pytest.mark.parametrize("table", ["chains", "batches"])
def test_ids_and_states_are_whole_however_narrow_the_terminal_is(long_names, table, columns):
    head, *lines = long_names(table, env={"COLUMNS": columns}).stdout.splitlines()
    records = long_names.json(table)
    assert len(lines) == len(records) > 0
    assert {"id", "state"} <= set(head.split())
    for line, record in zip(lines, records, strict=True):
        assert len(line) <= int(columns)
        assert record["id"][:13] in line
        assert record["state"] in line.split()


def test_on_80_columns_the_end_of_a_function_and_of_a_model_and_a_reason_are_seen(long_names):
    (line,) = long_names("chains", "--only", "failed", env=AT_80).stdout.splitlines()[1:]
    assert "long_name " in line
    assert "callback: V" in line
    assert all("flash-lite " in line for line in long_names("batches", env=AT_80).stdout.splitlines()[1:])


def test_into_a_pipe_a_table_is_wide(long_names, monkeypatch):
    monkeypatch.delenv("COLUMNS")
    (line,) = long_names("chains").stdout.splitlines()[1:]
    assert "fork_into_two_branches_with_quite_a_long_name" in line
    assert "callback: ValueError: right is wrong" in line


def test_columns_are_left_out_from_the_right_before_a_fixed_one_is_cut():
    columns = [Column("id"), Column("key", 4), Column("state"), Column("why", 5)]
    rows = [[Text(each) for each in ("c1234567890", "a long key", "CANCELLED", "a long reason")]]
    printed = {}
    for width in (60, 35, 27, 22):
        console = Console(width=width, color_system=None)
        with console.capture() as capture:
            console.print(fitted_table(columns, rows, width))
        printed[width] = capture.get().splitlines()[1].split("  ")
    assert printed[60] == ["c1234567890", "a long key", "CANCELLED", "a long reason"]
    assert printed[35] == ["c1234567890", "a l…", "CANCELLED", "a lo…"]
    assert printed[27] == ["c1234567890", "CANCELLED"]
    assert printed[22] == ["c1234567890", "CANCELLED"]


def test_a_sequence_is_flat(ran):
    (chain, *_) = ran.json("chains")
    assert [begin for begin, _, _ in drawn(ran, chain["id"])] == ["", ""]


def test_the_branches_of_a_fork_are_a_tree_and_each_of_them_flat(long_names):
    (chain,) = long_names.json("chains")
    lines = drawn(long_names, chain["id"])
    assert [begin for begin, _, _ in lines] == ["├─ ", "│  ", "└─ "]
    states = [line.split()[2 if begin else 1] for begin, _, line in lines]
    assert states == ["DONE", "DONE", "FAILED"]
    callbacks = [line.partition("→ ")[2].partition("()")[0] for _, _, line in lines]
    assert callbacks == ["left", "leftmost", "right"]


@pytest.mark.parametrize(
    ("function", "begins"),
    [("start", ["", "├─ ", "│  ", "└─ ", "   ", ""]), ("write", ["", "", "├─ ", "└─ ", ""])],
)
def test_a_gather_has_its_branches_under_it_and_its_continuation_below(cli, function, begins):
    cli.rows({"id": "a", "topic": "This is a sentence."})
    assert cli.run(f"{cli.module(GATHER)}:{function}").exit_code == 0
    lines = drawn(cli, "a")
    assert [begin for begin, _, _ in lines] == begins
    join = next(place for place, (_, identity, _) in enumerate(lines) if identity.startswith("j"))
    assert lines[join + 1][0] == "├─ "


def test_show_names_the_file_and_the_line_that_raised(long_names):
    (chain,) = long_names.json("chains")
    name = next(long_names.folder.glob("chain_*.py")).name
    said = long_names("show", chain["id"], env=AT_80).stdout
    line = (
        (long_names.folder / name)
        .read_text(encoding="utf-8")
        .splitlines()
        .index('    raise ValueError("right is wrong")')
    )
    assert said.count(f"raised at {name}:{line + 1}, in helper()") == 2, "under the prompt, and at the end"
    failed = next(each["id"] for each in long_names.json("show", chain["id"])["prompts"] if each["failure"])
    assert f"raised at {name}:{line + 1}, in helper()" in long_names("show", failed).stdout


def test_times_are_long_where_there_is_room(ran):
    chain = ran.json("chains")[0]["id"]
    assert "queued" in drawn(ran, chain, "160")[0][2]
    assert "queued" not in drawn(ran, chain, "80")[0][2]


def test_the_users_own_line_is_found_among_those_of_libraries():
    text = """Traceback (most recent call last):
  File "/home/x/chains.py", line 3, in finish
    first()
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/gemchain/engine/answers/delivery.py", line 155, in _call
    ended = _run(case, name, first)
  File "/home/x/chains.py", line 8, in finish
    json.loads(text)
  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
ValueError: no
"""
    assert str(raised_at(text)) == "/home/x/chains.py:8, in finish()"
    assert raised_at(None) is raised_at("no frames") is None
    only = (
        'Traceback (most recent call last):\n  File "/usr/lib/python3.11/x.py", line 1, in <module>\nE: x\n'
    )
    assert str(raised_at(only)) == "/usr/lib/python3.11/x.py:1, in <module>"
