"""`gemchain run --dry-run`: rows checked, functions run, prompts and tokens counted, nothing recorded."""

import json

import pytest

STATE = ".gemchain"
MANY = """
import gemchain

def start(topic):
    if topic == "done":
        return "at once"
    if topic == "bad":
        raise KeyError("size")
    if topic == "typo":
        gemchain.submit("x", "simulatd/echo")
    for model in ("gemini-3.5-flash-lite", "echo"):
        gemchain.submit("x" * 400, f"simulated/{model}")
"""


@pytest.fixture
def target(cli):
    cli.rows({"topic": "Apples are red."}, {"topic": "Pears are green."})
    return f"{cli.module()}:start"


def rehearse(cli, target, *more):
    return cli("run", target, "-i", "rows.jsonl", "--dry-run", *more)


def test_prompts_tokens_money_and_the_first_request_are_shown_and_no_state_is_made(cli, target):
    done = rehearse(cli, target)
    assert done.exit_code == 0, done.stderr
    for said in (
        "nothing is recorded and nothing is sent",
        "rows     2",
        "chains   2 new",
        "prompts  2 to simulated:gemini-3.5-flash-lite",
        "tokens   about 16 in the requests",
        "price    about $0.",
        "no money is spent",
        "Tokens are estimated at 4 characters each",
        "The first request (rows.jsonl, row 1 (line 1), gemini-3.5-flash-lite):",
        '"text": "Summarise: Apples are red."',
    ):
        assert said in done.stdout
    assert not (cli.folder / STATE).exists()
    assert not (cli.folder / "out.jsonl").exists()


def test_a_file_that_configures_its_own_state_makes_none_either(cli):
    source = (cli.folder / cli.module()).read_text()
    cli.rows({"topic": "Apples are red."})
    name = cli.module(
        source + "\ngemchain.configure(state='mine')\ngemchain.start(start, 'x')\ngemchain.run()\n"
    )
    assert rehearse(cli, f"{name}:start").exit_code == 0
    assert not (cli.folder / "mine").exists()


def test_errors_of_the_function_are_counted_with_the_first_row_of_each(cli):
    cli.rows(*({"topic": topic} for topic in ("a", "bad", "bad", "typo", "done")))
    done = rehearse(cli, f"{cli.module(MANY)}:start")
    assert done.exit_code == 1
    assert (
        "2 rows cannot be started; rows.jsonl, row 2 (line 2): start() raised KeyError: 'size'" in done.stdout
    )
    assert "1 row cannot be started; rows.jsonl, row 4 (line 4): no provider serves the model" in done.stdout
    assert "1 end at once" in done.stdout
    assert "no price is known for echo" in done.stdout


def test_the_counts_as_json(cli):
    cli.rows(*({"topic": topic} for topic in ("a", "bad", "done")))
    done = rehearse(cli, f"{cli.module(MANY)}:start", "--json")
    said = json.loads(done.stdout)
    assert (said["rows"], said["started"], said["ended"], said["known"]) == (3, 2, 1, 0)
    assert said["characters_per_token"] == 4
    first, second = said["models"]
    assert (first["model"], first["prompts"], first["prompt_tokens"]) == ("gemini-3.5-flash-lite", 1, 101)
    assert 0 < first["cost"] < first["full_cost"]
    assert second["cost"] is None
    assert said["failures"] == [
        {"message": "start() raised KeyError: 'size'", "rows": 1, "first": "rows.jsonl, row 2 (line 2)"}
    ]
    assert said["first_request"]["request"]["contents"][0]["parts"] == [{"text": "x" * 400}]


def test_rows_whose_chains_exist_are_not_counted_as_new(cli, target):
    cli.run(target)
    cli.rows({"topic": "Apples are red."}, {"topic": "Pears are green."}, {"topic": "Plums are blue."})
    before = cli.json("chains")
    assert "rows     3, 2 of them with a chain already" in rehearse(cli, target).stdout
    assert cli.json("chains") == before


def test_rows_of_one_key_are_one_chain(cli, target):
    cli.rows({"id": "a", "topic": "x"}, {"id": "b", "topic": "y"}, {"id": "a", "topic": "x"})
    said = json.loads(rehearse(cli, target, "--json").stdout)
    assert (said["rows"], said["started"]) == (3, 2)


def test_only_the_first_rows_are_rehearsed_with_a_limit(cli, target):
    assert json.loads(rehearse(cli, target, "--limit", "1", "--json").stdout)["started"] == 1


def test_wrong_rows_and_files_that_are_in_the_way_are_refused_as_in_a_run(cli, target):
    (cli.folder / "out.jsonl").write_text("my notes\n")
    done = rehearse(cli, target, "-o", "out.jsonl")
    assert (done.exit_code, "say --overwrite" in done.stderr) == (2, True)
    cli.rows({"topc": "a"})
    done = rehearse(cli, target)
    assert (done.exit_code, "has no field 'topic'" in done.stderr) == (2, True)
    assert not (cli.folder / STATE).exists()


def test_async_chains_run_to_their_first_awaits(cli):
    cli.rows({"topic": "a"})
    source = "import gemchain\n@gemchain.chain\nasync def start(topic):\n"
    source += "    await gemchain.gather([gemchain.prompt(each, 'simulated/echo') for each in 'abc'])\n"
    source += "    await gemchain.wait('approval')\n"
    said = json.loads(rehearse(cli, f"{cli.module(source)}:start", "--json").stdout)
    assert said["models"][0]["prompts"] == 3
    assert said["waits"] == 1  # the gather


def test_files_in_requests_for_vertex_are_checked_and_not_uploaded(cli, monkeypatch):
    monkeypatch.setenv("GEMCHAIN_BLOBS", "gs://no-such-bucket/prefix")
    (cli.folder / "photo.png").write_bytes(b"\x89PNG")
    cli.rows({"name": "photo.png"}, {"name": "missing.png"})
    source = "from pathlib import Path\nimport gemchain\ndef start(name):\n"
    source += "    gemchain.submit(['What is this?', Path(name)], 'gemini-3.5-flash-lite')\n"
    done = rehearse(cli, f"{cli.module(source)}:start")
    assert done.exit_code == 1
    assert "prompts  1 to vertex:gemini-3.5-flash-lite" in done.stdout
    assert "gs://no-such-bucket/prefix/media/" in done.stdout
    assert "file 'missing.png' cannot be read" in done.stdout
