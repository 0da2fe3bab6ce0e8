"""`gemchain chains` with --only parked or waiting, --function and --run."""

import pytest

ASK = """
import gemchain

@gemchain.chain
async def ask(topic):
    return await gemchain.wait("editor")
"""


@pytest.fixture
def mixed(cli):
    """One chain is PARKED, one WAITING and one DONE, each of a run of its own."""
    for name in ("parked", "waiting", "done"):
        cli.rows({"topic": name}, name=f"{name}.jsonl")
    name = cli.module()
    source = (cli.folder / name).read_text(encoding="utf-8")
    cli.run(f"{name}:start", "parked.jsonl", "parked-out.jsonl", "--timeout", "0")
    cli.rewrite(name, source.replace("def middle", "def moved").replace("middle", "moved"))
    cli.run(f"{name}:start", "parked.jsonl", "parked-out.jsonl")
    cli.run(f"{cli.module(ASK)}:ask", "waiting.jsonl", "waiting-out.jsonl")
    cli.run(f"{cli.module()}:start", "done.jsonl", "done-out.jsonl")
    return cli


@pytest.mark.parametrize(
    ("only", "reason"), [("parked", "unresolved: "), ("WAITING", "waiting: waits for a person to resume it")]
)
def test_chains_that_wait_for_a_person_are_listed_as_export_does(mixed, only, reason):
    (chain,) = mixed.json("chains", "--only", only)
    assert chain["state"] == only.upper()
    assert only.lower() in str(chain["arguments"])
    said = mixed("chains", "--only", only).stdout
    assert only.upper() in said
    assert reason in said
    mixed("export", "-o", "only.jsonl", "--only", only)
    assert [each["id"] for each in mixed.results("only.jsonl")] == [chain["id"]]


def test_chains_of_a_function(mixed):
    (chain,) = mixed.json("chains", "--function", "ask")
    assert ":ask@" in chain["function"]
    assert len(mixed.json("chains", "--function", "start")) == 2
    assert mixed.json("chains", "--function", "start", "--only", "waiting") == []


def test_chains_of_a_run(mixed):
    run = next(each["id"] for each in mixed.json("runs") if each["input"].endswith("done.jsonl"))
    (chain,) = mixed.json("chains", "--run", run)
    assert chain["state"] == "DONE"
    refused = mixed("chains", "--run", "nothing")
    assert refused.exit_code == 2
    assert "is no run of this state; `gemchain runs` lists them" in refused.stderr
