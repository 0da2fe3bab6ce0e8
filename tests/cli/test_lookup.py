"""Naming a record: by its id, by the beginning of its id, or by the key of a chain."""

import pytest

TWO = """
import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"

def start(topic):
    gemchain.submit(topic, MODEL, finish)

def other(topic):
    gemchain.submit(topic, MODEL, finish)

def finish(response):
    raise ValueError("no")

@gemchain.chain
async def ask(topic):
    return await gemchain.wait("editor")
"""


@pytest.fixture
def keyed(cli):
    """Chains of one function with the keys `article 17` (failed) and `18`."""
    cli.rows({"id": "article 17", "topic": "one"}, {"id": 18, "topic": "two"})
    cli.target = cli.module(TWO)
    cli.run(f"{cli.target}:start")
    return cli


def chain_of(cli, key):
    (found,) = [each for each in cli.json("chains") if each["key"] == key]
    return found


def test_show_and_retry_take_a_key(keyed):
    chain = chain_of(keyed, "article 17")
    assert keyed.json("show", "article 17")["id"] == chain["id"]
    assert keyed.json("retry", "article 17") == {"retried": {chain["id"]: 1}}
    assert chain_of(keyed, "article 17")["state"] == "RUNNING"


def test_cancel_and_replay_take_a_key(keyed):
    chain = chain_of(keyed, "18")
    keyed("retry", "18")
    assert keyed.json("cancel", "18") == {"chain": chain["id"], "cancelled": True, "state": "CANCELLED"}
    assert keyed("replay", "18").stdout.startswith(f"chain {chain['id']} ")


def test_resume_takes_a_key(keyed):
    keyed.rows({"id": "q", "topic": "x"}, name="ask.jsonl")
    keyed.run(f"{keyed.target}:ask", "ask.jsonl", "asked.jsonl")
    assert keyed.json("resume", "q", "yes") == {"chain": chain_of(keyed, "q")["id"], "resumed": True}


def test_a_key_of_several_functions_names_the_candidates(keyed):
    keyed.run(f"{keyed.target}:other", "rows.jsonl", "other.jsonl")
    for command in (["show"], ["retry"], ["cancel"], ["resume"], ["replay"]):
        done = keyed(*command, "article 17")
        assert done.exit_code == 2
        assert "'article 17' fits several; type one of their ids:" in done.stderr
        for each in keyed.json("chains"):
            line = f"{each['id']}  {each['state']}  {each['function']}  key {each['key']!r}"
            assert (line in done.stderr) is (each["key"] == "article 17")
    assert {each["state"] for each in keyed.json("chains")} == {"FAILED"}, "nothing was changed"


def test_a_key_that_begins_an_id_is_ambiguous_and_the_whole_id_is_not(ran):
    chain = chain_of(ran, "c")
    done = ran("cancel", "c")
    assert done.exit_code == 2
    assert done.stderr.index(f"{chain['id']}  DONE  {chain['function']}  key 'c'") < len(done.stderr)
    assert ran.json("show", chain["id"])["key"] == "c"


def test_a_key_is_found_as_a_whole_and_an_unknown_one_is_refused(keyed):
    for text in ("article", "article 1", "1", "", "x" * 5_000):
        done = keyed("show", text)
        assert done.exit_code == 2
        assert "no chain has this key" in done.stderr
        assert len(done.stderr) < 400


def test_a_chain_is_found_by_its_key_after_gc(keyed):
    chain = chain_of(keyed, "18")["id"]
    keyed("gc", "--older-than", "0s")
    assert keyed.json("show", "18")["id"] == chain


def test_many_candidates_are_cut_and_that_is_said(cli):
    cli.rows({"id": "a", "topic": "one"})
    functions = "".join(
        f"def start{n}(topic):\n    gemchain.submit(topic, 'simulated/gemini-3.5-flash-lite')\n"
        for n in range(7)
    )
    name = cli.module(f"import gemchain\n{functions}")
    for number in range(7):
        cli.run(f"{name}:start{number}", "rows.jsonl", f"out{number}.jsonl")
    said = cli("show", "a").stderr
    assert said.count("key 'a'") == 5
    assert "and more" in said
