"""Chains that wait for a person or for their branches, under `run`, `status`, `show` and `resume`."""

PROGRAM = """
import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"


@gemchain.chain(name="article")
async def write(topic):
    parts = await gemchain.gather([gemchain.prompt(f"{word}: {topic}", MODEL) for word in ("Sum", "Title")])
    verdict = await gemchain.wait("approval")
    return [len(parts), verdict]
"""


def test_an_async_chain_over_rows_waits_for_a_person_and_is_resumed(cli):
    target = f"{cli.module(PROGRAM)}:write"
    cli.rows({"id": "a", "topic": "Apples are red."}, {"id": "b", "topic": "Pears are green."})
    done = cli.run(target)
    assert done.exit_code == 1
    assert {line["state"] for line in cli.results()} == {"WAITING"}
    assert "approval" in cli.results()[0]["error"]["message"]
    assert "2 WAITING (waiting)" in done.stdout
    first, second = (line["chain"] for line in cli.results())
    assert f"gemchain resume {first} VALUE" in done.stdout
    assert "waits for a person (approval)" in cli("status").stdout
    assert "waits for a person" in cli("show", first).stdout
    assert "has its value" in cli("resume", first, "fine").stdout
    assert cli.json("resume", second, '{"ok": true}', "--name", "approval") == {
        "chain": second,
        "resumed": True,
    }
    again = cli.run(target)
    assert again.exit_code == 0
    assert [line["result"] for line in cli.results()] == [[2, "fine"], [2, {"ok": True}]]
    assert sum(batch["prompts"] for batch in cli.json("batches")) == 4


def test_resume_of_a_chain_that_does_not_wait_is_refused(cli):
    cli.rows({"topic": "Apples are red."})
    cli.run()
    done = cli("resume", cli.json("chains")[0]["id"], "yes")
    assert done.exit_code == 2
    assert "waits for nothing that resume() could bring" in done.stderr
    assert "is a batch" in cli("resume", cli.json("batches")[0]["id"]).stderr


JOIN = """
import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"


def start(topic):
    gemchain.gather([gemchain.prompt(f"{word}: {topic}", MODEL) for word in ("Summarise", "Title")], both)


def both(results):
    return [bool(result.text) for result in results]
"""


def test_a_gather_is_shown_as_waiting_for_its_branches(cli, monkeypatch):
    monkeypatch.setenv("GEMCHAIN_SIMULATED_TURNAROUND", "1000")
    cli.rows({"topic": "Apples are red."})
    cli.run(f"{cli.module(JOIN)}:start", "rows.jsonl", "out.jsonl", "--timeout", "0.05")
    chain = cli.results()[0]["chain"]
    assert "waits for its branches" in cli("show", chain).stdout
    assert "waits for its branches" in cli("status").stdout
    join = next(each for each in cli.json("show", chain)["prompts"] if each["kind"] == "join")
    assert "waits for its branches" in cli("show", join["id"]).stdout
