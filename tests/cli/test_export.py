"""`gemchain export`: results of chains as JSONL, JSON, CSV and Parquet, in the order of their starts."""

import csv
import json
import sys
import tracemalloc

import pyarrow.parquet
import pytest

import gemchain
from gemchain.base.clock import SystemClock
from gemchain.cli.export.chains import COLUMNS
from gemchain.cli.state.selection import Selection
from gemchain.records import Chain
from gemchain.testing import EPOCH, embedded
from tests import firestore_state

MIXED = """
import gemchain

def start(topic):
    gemchain.submit(topic, "simulated/gemini-3.5-flash-lite", finish, params={"topic": topic})

def finish(response, topic):
    if topic == "bad":
        raise ValueError("no title")
    return {"topic": topic, "size": 3}

def other(topic):
    return f"={topic}"

@gemchain.chain(name="approved")
async def approved(topic):
    return await gemchain.wait("approval")
"""


@pytest.fixture
def state(cli):
    """A state with five chains: of three functions, done, failed and waiting."""
    name = cli.module(MIXED)
    cli.rows({"id": "a1", "topic": "good"}, {"id": "a2", "topic": "bad"}, {"id": "b1", "topic": "fine"})
    cli.run(f"{name}:start", output="1.jsonl")
    cli.rows({"id": "a3", "topic": "now"})
    cli.run(f"{name}:other", output="2.jsonl")
    cli.run(f"{name}:approved", output="3.jsonl")
    return name


def exported(cli, *words):
    done = cli("export", "-o", "-", *words)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_all_chains_come_in_the_order_of_their_starts_with_all_that_is_known(cli, state):
    module = state.removesuffix(".py")
    rows = exported(cli)
    assert [row["key"] for row in rows] == ["a1", "a2", "b1", "a3", "a3"]
    assert [row["state"] for row in rows] == ["DONE", "FAILED", "DONE", "DONE", "WAITING"]
    assert [row["created_at"] for row in rows] == sorted(row["created_at"] for row in rows)
    first, second, *_, last = rows
    assert first["function"] == f"{module}:start"
    assert first["result"] == {"topic": "good", "size": 3}
    assert first["prompt_tokens"] > 0 < first["answer_tokens"]
    assert 0 < first["cost"] < first["full_cost"]
    assert first["ended_at"] > first["created_at"]
    assert second["error"] == {"reason": "callback", "message": "ValueError: no title"}
    assert last["error"]["reason"] == "waiting"
    assert last["ended_at"] is None
    assert {row["id"] for row in rows} == {chain["id"] for chain in cli.json("chains")}


def test_chains_are_chosen_by_state_key_and_function(cli, state):
    module = state.removesuffix(".py")
    for words, keys in (
        (["--only", "done"], ["a1", "b1", "a3"]),
        (["--only", "FAILED"], ["a2"]),
        (["--only", "waiting"], ["a3"]),
        (["--only", "running"], []),
        (["--key", "a"], ["a1", "a2", "a3", "a3"]),
        (["--key", "a", "--only", "done"], ["a1", "a3"]),
        (["--function", "start"], ["a1", "a2", "b1"]),
        (["--function", f"{state}:start"], ["a1", "a2", "b1"]),
        (["--function", f"{module}:other"], ["a3"]),
        (["--function", "approved"], ["a3"]),
        (["--function", "other", "--only", "failed"], []),
    ):
        assert [row["key"] for row in exported(cli, *words)] == keys, words


def test_a_function_that_started_no_chain_is_refused_with_near_names_and_nothing_is_written(cli, state):
    module = state.removesuffix(".py")
    for asked, said in (
        ("nope:f", f"there are chains of '{module}:approved', '{module}:other', '{module}:start'"),
        ("strt", f"did you mean '{module}:start'?"),
        ("another.py:start", f"did you mean '{module}:start'?"),
        (f"{module}:aproved", f"did you mean '{module}:approved'"),
    ):
        done = cli("export", "-o", "none.jsonl", "--function", asked)
        assert done.exit_code == 2
        assert f"no chain was started by {asked!r}; {said}" in done.stderr
        assert not (cli.folder / "none.jsonl").exists()


def test_csv_and_parquet_have_one_column_for_each_field(cli, state):
    assert "5 chains (3 DONE, 1 FAILED, 1 WAITING) → all.csv" in cli("export", "-o", "all.csv").stdout
    cli("export", "-o", "all.parquet")
    names = [column.name for column in COLUMNS]
    with (cli.folder / "all.csv").open(newline="") as file:
        texts = list(csv.DictReader(file))
    assert list(texts[0]) == names
    assert [row["result"] for row in texts] == [
        '{"topic":"good","size":3}',
        "",
        '{"topic":"fine","size":3}',
        "'=now",
        "",
    ]
    assert texts[1]["error_message"] == "ValueError: no title"
    table = pyarrow.parquet.read_table(cli.folder / "all.parquet")
    assert table.schema.names == names
    assert table["result"].to_pylist()[3] == "=now"
    assert [str(kind) for kind in table.schema.types[-6:]] == [
        "int64", "int64", "double", "double", "timestamp[us, tz=UTC]", "timestamp[us, tz=UTC]"
    ]  # fmt: skip
    assert [each.isoformat() for each in table["created_at"].to_pylist()] == [
        row["created_at"] for row in texts
    ]


def test_the_summary_as_json(cli, state):
    done = cli("export", "-o", "all.json", "--json")
    assert json.loads(done.stdout) == {
        "chains": 5, "states": {"DONE": 3, "FAILED": 1, "WAITING": 1}, "output": "all.json"
    }  # fmt: skip
    assert len(json.loads((cli.folder / "all.json").read_text())) == 5


def test_a_file_that_is_there_is_replaced_only_when_asked(cli, state):
    (cli.folder / "all.jsonl").write_text("my notes\n")
    done = cli("export", "-o", "all.jsonl")
    assert (done.exit_code, "'all.jsonl' exists" in done.stderr) == (2, True)
    assert (cli.folder / "all.jsonl").read_text() == "my notes\n"
    assert cli("export", "-o", "all.jsonl", "--overwrite").exit_code == 0
    assert len(cli.results("all.jsonl")) == 5


def test_what_is_wrong_is_refused(cli, state):
    for words, said in (
        (["-o", "all.txt"], "the ending '.txt' is unknown"),
        (["-o", "-", "--only", "finished"], "--only takes RUNNING, DONE, FAILED, CANCELLED, PARKED, WAITING"),
        (["-o", "-", "--state", "elsewhere"], "there is no gemchain state in 'elsewhere'"),
        (["-o", "nowhere/all.csv"], "there is no folder 'nowhere'"),
    ):
        done = cli("export", *words)
        assert done.exit_code == 2
        assert said in done.stderr
    assert not (cli.folder / "elsewhere").exists()


def test_without_pyarrow_the_error_has_the_command_that_installs_it(cli, state, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = cli("export", "-o", "all.parquet")
    assert done.exit_code == 2
    assert "pip install 'gemchain[parquet]'" in done.stderr
    assert cli("export", "-o", "all.csv").exit_code == 0


def test_a_parked_chain_is_told_with_its_reason(cli):
    name = cli.module()
    cli.rows({"topic": "one"})
    cli.run(f"{name}:start", "rows.jsonl", "out.jsonl", "--timeout", "0")
    source = (cli.folder / name).read_text()
    cli.rewrite(name, source.replace("middle", "renamed"))
    cli.run(f"{name}:start")
    (row,) = exported(cli, "--only", "parked")
    assert "has no function 'middle'" in row["error"]["message"]


def test_on_firestore_the_order_is_that_of_the_starts_and_results_are_replaced_by_their_rows(
    cli, monkeypatch
):
    monkeypatch.setattr(firestore_state.TIME, "clock", SystemClock())
    monkeypatch.setenv(firestore_state.HOST, firestore_state.host())
    monkeypatch.setenv("GEMCHAIN_STORE", f"firestore://{firestore_state.new_project()}/(default)")
    cli.rows(*({"id": f"k{number}", "topic": f"Number {number}."} for number in range(12)))
    target = f"{cli.module()}:start"
    for _ in range(2):
        done = cli.run(target)
        assert done.exit_code == 0, done.stderr
    assert not (cli.folder / ".gemchain" / "outputs").exists()
    assert [row["key"] for row in exported(cli)] == [f"k{number}" for number in range(12)]
    cli.rows({"id": "k0", "topic": "Another."}, {"id": "x", "topic": "One."}, name="others.jsonl")
    assert "is no earlier result" in cli.run(target, "others.jsonl").stderr


def test_memory_does_not_grow_with_the_number_of_chains(cli, monkeypatch):
    monkeypatch.setattr("gemchain.data.ordering.PIECE_BYTES", 500_000)
    monkeypatch.setattr("gemchain.cli.state.selection.PAGE", 50)
    with embedded(cli.folder / ".gemchain"):
        gemchain.start_many(long, [{"number": number} for number in range(1_000)])
    tracemalloc.start()
    try:
        assert cli("export", "-o", "all.jsonl").exit_code == 0
        assert tracemalloc.get_traced_memory()[1] < 9_000_000
    finally:
        tracemalloc.stop()
    assert (cli.folder / "all.jsonl").stat().st_size > 16_000_000
    assert [row["result"][1] for row in cli.results("all.jsonl")] == list(range(1_000))


def long(number):
    return ["x" * 16_000, number]


@pytest.mark.parametrize(
    ("stored", "asked", "fits"),
    [
        ("pack.chains:start", "start", True),
        ("pack.chains:start", "pack.chains:start", True),
        ("pack.chains:start", "src/pack/chains.py:start", True),
        ("pack.chains:start", "./chains.py:start", False),
        ("chains:start", "./chains.py:start", True),
        ("chains:start", "mychains.py:start", False),
        ("chains:start@2", "chains.py:start", True),
        ("chains:restart", "start", False),
    ],
)
def test_a_function_is_named_as_it_is_stored_or_by_its_file(stored, asked, fits):
    chain = Chain(id="c1", function=stored, created_at=EPOCH)
    assert Selection(function=asked).takes(chain) is fits
