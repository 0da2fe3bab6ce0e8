"""A run spends only on what is its own: what it starts, sends, reports, and how it is undone."""

import sqlite3
import sys

import pytest

RAISES = """
import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"


def start(topic):
    if topic == "bad":
        raise KeyError("size")
    gemchain.submit(f"Summarise: {topic}", MODEL, finish)


def finish(response):
    return response.text
"""
MENDED = RAISES.replace('raise KeyError("size")', 'topic = "good"')


@pytest.fixture
def unfinished(cli, monkeypatch):
    """A run of three rows whose prompts are queued and were never sent; returns its target."""
    target = f"{cli.module()}:start"
    cli.rows(*({"topic": f"left {n}"} for n in range(3)), name="left.jsonl")
    monkeypatch.setenv("GEMCHAIN_GRACE", "1000")
    assert cli.run(target, "left.jsonl", "left-out.jsonl", "--timeout", "0").exit_code == 1
    monkeypatch.setenv("GEMCHAIN_GRACE", "0")
    cli.target = target
    return cli


def run_of(cli, name):
    return next(each for each in cli.json("runs") if (each["input"] or "").endswith(name))


class TestARowThatRaises:
    def test_fails_with_its_traceback_and_the_other_rows_go_on(self, cli):
        cli.rows({"topic": "good"}, {"topic": "bad"}, {"topic": "fine"})
        done = cli.run(f"{cli.module(RAISES)}:start")
        assert done.exit_code == 1
        assert [line["state"] for line in cli.results()] == ["DONE", "FAILED", "DONE"]
        error = cli.results()[1]
        assert error["error"] == {"reason": "start", "message": "KeyError: 'size'"}
        assert "1 FAILED (start): KeyError: 'size'" in done.stdout
        assert 'raise KeyError("size")' in cli("show", error["chain"]).stdout

    def test_is_started_again_by_the_same_command_once_the_function_is_mended(self, cli):
        cli.rows({"topic": "good"}, {"topic": "bad"})
        name = cli.module(RAISES)
        said = cli.run(f"{name}:start").stdout
        assert "Mend, start:" in said
        assert "gemchain retry" not in said
        (failed,) = [line for line in cli.results() if line["state"] == "FAILED"]
        assert "starts it again" in cli("retry", failed["chain"]).stdout
        cli.rewrite(name, MENDED)
        done = cli.run(f"{name}:start")
        assert done.exit_code == 0, done.output
        assert {line["state"] for line in cli.results()} == {"DONE"}
        assert sum(batch["prompts"] for batch in cli.json("batches")) == 2
        assert cli.json("status")["chains"] == {"DONE": 2}

    def test_that_raises_otherwise_the_next_time_keeps_the_newer_error(self, cli):
        cli.rows({"topic": "good"}, {"topic": "bad"})
        name = cli.module(RAISES)
        cli.run(f"{name}:start")
        cli.rewrite(name, RAISES.replace('KeyError("size")', 'ValueError("newer")'))
        assert cli.run(f"{name}:start").exit_code == 1
        assert cli.results()[1]["error"]["message"] == "ValueError: newer"

    def test_that_ends_the_program_fails_as_well(self, cli):
        cli.rows({"topic": "good"}, {"topic": "bad"})
        name = cli.module(RAISES.replace('raise KeyError("size")', "raise SystemExit(3)"))
        assert cli.run(f"{name}:start").exit_code == 1
        assert cli.results()[1]["error"]["reason"] == "start"

    def test_of_an_async_chain_fails_and_starts_again(self, cli):
        cli.rows({"topic": "good"}, {"topic": "bad"})
        source = RAISES.replace("def start", "@gemchain.chain\nasync def start").replace(
            'gemchain.submit(f"Summarise: {topic}", MODEL, finish)',
            'return (await gemchain.prompt(f"Summarise: {topic}", MODEL)).text',
        )
        name = cli.module(source)
        assert cli.run(f"{name}:start").exit_code == 1
        cli.rewrite(name, source.replace('raise KeyError("size")', 'topic = "good"'))
        assert cli.run(f"{name}:start").exit_code == 0

    def test_on_every_row_stops_before_anything_is_recorded(self, cli):
        cli.rows({"topic": "bad"}, {"topic": "bad"})
        done = cli.run(f"{cli.module(RAISES)}:start")
        assert done.exit_code == 2
        assert "row 1 (line 1): start() raised KeyError: 'size'" in done.stderr
        assert cli.json("status")["chains"] == {}

    def test_stops_a_strict_run_before_anything_is_recorded(self, cli):
        cli.rows({"topic": "good"}, {"topic": "bad"})
        done = cli.run(f"{cli.module(RAISES)}:start", "rows.jsonl", "out.jsonl", "--strict")
        assert done.exit_code == 2
        assert "row 2 (line 2): start() raised KeyError: 'size'" in done.stderr
        assert cli.json("status")["chains"] == {}
        assert cli.json("runs") == []


class TestARunIsItsOwn:
    def test_it_sends_nothing_of_another_run(self, unfinished):
        cli = unfinished
        cli.rows({"topic": "mine"})
        done = cli.run(cli.target)
        assert done.exit_code == 0
        assert "1 chain done" in done.stdout
        assert "3 prompts of another run or program left alone" in done.stdout
        assert cli.json("status")["prompts"] == {"QUEUED": 3, "DONE": 2}

    def test_its_summary_counts_the_run_and_not_the_state(self, unfinished):
        cli = unfinished
        cli.rows({"topic": "mine"})
        data = cli.run(cli.target, "rows.jsonl", "out.jsonl", "--json")
        import json

        said = json.loads(data.stdout)
        assert (said["rows"], said["prompts"], said["batches"]) == (1, 2, 2)
        assert said["left_alone"] == {"prompts": 3, "owners": 1}
        assert said["run"] == run_of(cli, "rows.jsonl")["id"]

    def test_the_same_command_continues_it(self, unfinished):
        cli = unfinished
        assert cli.run(cli.target, "left.jsonl", "left-out.jsonl").exit_code == 0
        assert cli.json("status")["prompts"] == {"DONE": 6}

    def test_all_does_the_work_of_everyone(self, unfinished):
        cli = unfinished
        cli.rows({"topic": "mine"})
        assert cli.run(cli.target, "rows.jsonl", "out.jsonl", "--all").exit_code == 0
        assert cli.json("status")["chains"] == {"DONE": 4}

    def test_all_continues_others_when_its_own_chains_have_ended(self, unfinished):
        cli = unfinished
        cli.rows({"topic": "mine"})
        cli.run(cli.target)
        assert cli.run(cli.target, "rows.jsonl", "out.jsonl", "--all").exit_code == 0
        assert cli.json("status")["chains"] == {"DONE": 4}

    def test_rows_that_another_run_started_are_continued_when_they_are_all_it_had(self, unfinished):
        cli = unfinished
        (cli.folder / "left.jsonl").rename(cli.folder / "renamed.jsonl")
        assert cli.run(cli.target, "renamed.jsonl", "out.jsonl").exit_code == 0
        assert cli.json("status")["chains"] == {"DONE": 3}

    def test_rows_of_a_run_that_has_more_are_left_to_it(self, unfinished):
        cli = unfinished
        cli.rows({"topic": "left 0"})
        done = cli.run(cli.target)
        assert done.exit_code == 1
        assert cli.results()[0]["state"] == "RUNNING"
        assert "3 prompts of another run" in done.stdout
        assert cli.json("status")["prompts"] == {"QUEUED": 3}

    def test_runs_lists_them_with_their_counts_and_how_to_continue(self, unfinished):
        cli = unfinished
        cli.rows({"topic": "mine"})
        cli.run(cli.target)
        left, mine = run_of(cli, "left.jsonl"), run_of(cli, "rows.jsonl")
        assert (left["chains"], mine["chains"]) == ({"RUNNING": 3}, {"DONE": 1})
        assert left["begun_at"] < mine["begun_at"]
        said = cli("runs").stdout
        assert said.index(mine["id"]) < said.index(left["id"])
        assert f"{left['id']} continues with:  gemchain" in said

    def test_a_state_of_an_earlier_version_goes_on(self, unfinished):
        """Chains that were recorded without an owner are continued by the command that started them."""
        cli = unfinished
        with sqlite3.connect(cli.folder / ".gemchain" / "gemchain.db") as db:
            for table in ("chains", "queues", "counters"):
                db.execute(f"UPDATE {table} SET owner = ''")
            db.execute("DELETE FROM runs")
        db.close()
        assert cli.run(cli.target, "left.jsonl", "left-out.jsonl").exit_code == 0
        assert cli.json("status")["chains"] == {"DONE": 3}


class TestUndoing:
    def test_cancel_shows_what_it_would_cancel_and_wants_a_yes(self, unfinished):
        cli = unfinished
        run = run_of(cli, "left.jsonl")["id"]
        asked = cli("cancel", "--run", run)
        assert asked.exit_code == 2
        assert "3 running chains: 3 chain_" in asked.stdout
        assert "say --yes" in asked.stderr
        assert cli.json("status")["chains"] == {"RUNNING": 3}

    def test_cancel_of_a_run_leaves_others(self, unfinished):
        cli = unfinished
        cli.rows({"topic": "mine"})
        cli.run(cli.target, "rows.jsonl", "out.jsonl", "--timeout", "0")
        assert cli.json("cancel", "--run", run_of(cli, "left.jsonl")["id"], "--yes") == {"cancelled": 3}
        assert cli.json("status")["chains"] == {"RUNNING": 1, "CANCELLED": 3}

    def test_cancel_by_state_and_by_function(self, unfinished):
        cli = unfinished
        module = cli.target.partition(".")[0]
        assert cli.json("cancel", "--only", "claimed", "--yes") == {"cancelled": 0}
        assert cli.json("cancel", "--function", "other", "--yes") == {"cancelled": 0}
        assert cli.json("cancel", "--function", f"{module}:start", "--only", "queued", "--yes") == {
            "cancelled": 3
        }

    def test_cancel_names_the_batch_that_nothing_waits_for(self, cli, monkeypatch):
        monkeypatch.setenv("GEMCHAIN_SIMULATED_TURNAROUND", "1000")
        cli.rows({"topic": "a"}, {"topic": "b"})
        target = f"{cli.module()}:start"
        cli.run(target, "rows.jsonl", "out.jsonl", "--timeout", "0.05")
        (batch,) = cli.json("batches")
        said = cli("cancel", "--all", "--yes").stdout
        assert f"nothing waits for batch {batch['id']} any more; to stop it:  gemchain cancel" in said
        cli.run(target, "rows.jsonl", "out.jsonl", "--timeout", "0")
        assert {line["error"]["reason"] for line in cli.results()} == {"cancelled"}

    def test_cancel_of_the_last_chain_of_a_batch_names_it_and_status_does_too(self, cli, monkeypatch):
        monkeypatch.setenv("GEMCHAIN_SIMULATED_TURNAROUND", "1000")
        cli.rows({"id": "one", "topic": "a"}, {"id": "two", "topic": "b"})
        cli.run(None, "rows.jsonl", "out.jsonl", "--timeout", "0.05")
        (batch,) = cli.json("batches")
        assert "nothing waits" not in cli("cancel", "one").stdout
        assert f"gemchain cancel {batch['id']}" in cli("cancel", "two").stdout
        assert f"nothing waits for batch {batch['id']} any more" in cli("status").stdout

    def test_a_state_of_prompts_in_place_of_the_folder_is_understood(self, cli):
        assert "say --only" in cli("cancel", "--state", "queued", "--all").stderr

    def test_cancel_all(self, unfinished):
        assert unfinished.json("cancel", "--all", "--yes") == {"cancelled": 3}

    def test_retry_of_a_run_says_what_is_paid_again(self, cli):
        raises = 'return {"topic": topic, "title": response.text}'
        target = cli.module(**{raises: f'raise ValueError("no title")\n    {raises}'})
        for name in ("one.jsonl", "two.jsonl"):
            cli.rows({"topic": name}, name=name)
            cli.run(f"{target}:start", name, f"{name}.out.jsonl")
        run = run_of(cli, "one.jsonl")["id"]
        said = cli("retry", "--run", run, "--yes").stdout
        assert "1 FAILED: 1 have their answer, and are not paid again" in said
        assert "1 prompt back to work" in said
        assert cli.json("status")["chains"] == {"RUNNING": 1, "FAILED": 1}
        assert cli.json("retry", "--function", "start", "--yes") == {"retried": {"all": 1}}

    @pytest.mark.parametrize("command", ["cancel", "retry"])
    def test_a_run_that_is_not_there_is_named(self, unfinished, command):
        said = unfinished(command, "--run", "nope", "--yes")
        assert said.exit_code == 2
        assert "'nope' is no run of this state; `gemchain runs` lists them" in said.stderr

    @pytest.mark.parametrize("command", ["cancel", "retry"])
    def test_a_state_that_is_none_is_refused(self, unfinished, command):
        assert "--only takes" in unfinished(command, "--only", "sleeping", "--yes").stderr


def test_export_writes_the_results_of_one_run(unfinished):
    cli = unfinished
    cli.rows({"topic": "mine"})
    cli.run(cli.target)
    run = run_of(cli, "rows.jsonl")["id"]
    assert cli("export", "-o", "one.jsonl", "--run", run).exit_code == 0
    assert [line["state"] for line in cli.results("one.jsonl")] == ["DONE"]
    assert cli("export", "-o", "all.jsonl").exit_code == 0
    assert len(cli.results("all.jsonl")) == 4
    assert "is no run of this state" in cli("export", "-o", "none.jsonl", "--run", "nope").stderr


def test_rows_from_a_stream_are_one_run_as_long_as_they_are_the_same(cli):
    target, row = f"{cli.module()}:start", '{"topic": "bees"}\n'
    for text in (row, row, '{"topic": "wasps"}\n'):
        assert cli("run", target, "-i", "-", "-o", "-", input=text).exit_code == 0
    runs = cli.json("runs")
    assert len(runs) == 2
    assert all(each["output"] is None for each in runs)


def test_a_file_of_the_same_name_in_another_folder_does_not_take_over_rows(cli):
    name = cli.module()
    (cli.folder / "other").mkdir()
    (cli.folder / "other" / name).write_text((cli.folder / name).read_text())
    cli.rows({"id": "a", "topic": "bees"})
    assert cli.run(f"{name}:start").exit_code == 0
    sys.modules.pop(name.removesuffix(".py"))
    done = cli.run(f"other/{name}:start", "rows.jsonl", "other.jsonl")
    assert done.exit_code == 2
    assert "in another file. Rename one of the files" in done.stderr
    assert not (cli.folder / "other.jsonl").exists()
    (cli.folder / name).unlink()
    sys.modules.pop(name.removesuffix(".py"))
    assert cli.run(f"other/{name}:start", "rows.jsonl", "other.jsonl").exit_code == 0, "it was moved"
