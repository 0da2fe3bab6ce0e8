"""`gemchain gc`: what it removes, and what stays."""

import sqlite3

import pytest

from gemchain.cli.change.gc import age
from gemchain.errors import InvalidInputError

NOW = ("gc", "--older-than", "0s")


def files(cli):
    found = (cli.folder / ".gemchain" / "files").rglob("*")
    return [each for each in found if each.is_file()]


def test_chains_younger_than_thirty_days_stay(ran):
    done = ran("gc")
    assert done.exit_code == 0, done.stderr
    assert "nothing ended more than 30d ago" in done.stdout
    assert len(ran.json("chains")) == 3
    assert files(ran)


def test_a_dry_run_removes_nothing_and_shows_what_would_be_removed(ran):
    before = files(ran)
    data = ran.json(*NOW, "--dry-run")
    assert data["dry_run"] is True
    removed = data["removed"]
    assert (removed["chains"], removed["kept_keys"], removed["prompts"]) == (0, 3, 6)
    assert removed["files"] == len(before)
    assert files(ran) == before
    assert "would remove at most" in ran(*NOW, "--dry-run").stdout
    assert ran.json(*NOW)["removed"] == removed


def test_chains_with_a_key_keep_their_result_and_are_not_paid_again(ran):
    said = ran(*NOW).stdout
    assert "3 chains with a key" in said
    assert "--forget-keys" in said
    assert files(ran) == [], "inputs, outputs and the simulated service's jobs are gone"
    assert ran.json("batches") == []
    results = ran.results()
    (ran.folder / "out.jsonl").unlink()
    assert ran.run(f"{next(ran.folder.glob('chain_*.py')).name}:start").exit_code == 0
    assert ran.results() == results
    assert ran.json("status")["prompts"] == {"DONE": 6}, (
        "the counters still hold all prompts; nothing more was sent"
    )
    assert "nothing ended more than 0s ago" in ran(*NOW).stdout


COSTS = ("prompt_tokens", "answer_tokens", "cost", "full_cost")


def test_an_export_leaves_tokens_and_costs_empty_where_the_prompts_are_removed(ran):
    ran(*NOW)
    ran.rows({"id": "new", "topic": "another"}, name="more.jsonl")
    target = next(ran.folder.glob("chain_*.py")).name
    ran.run(f"{target}:start", "more.jsonl", "more_out.jsonl")
    ran("export", "-o", "all.jsonl")
    *gone, new = ran.results("all.jsonl")
    assert [[row[name] for name in COSTS] for row in gone] == [[None] * 4] * 3
    assert all(row["state"] == "DONE" and row["result"] for row in gone)
    assert all(new[name] > 0 for name in COSTS)
    for name in ("all.csv", "all.parquet", "all.json"):
        assert ran("export", "-o", name).exit_code == 0
    assert ",,,," in (ran.folder / "all.csv").read_text().splitlines()[1]


def test_a_chain_that_never_had_a_prompt_cost_nothing(cli):
    cli.rows({"id": "a", "topic": "x"})
    cli.run(f"{cli.module('def start(topic):' + chr(10) + '    return topic' + chr(10))}:start")
    cli("export", "-o", "all.jsonl")
    assert [cli.results("all.jsonl")[0][name] for name in COSTS] == [0, 0, 0, 0]


def test_after_gc_status_does_not_claim_that_simulated_money_was_spent(ran):
    assert "simulated, no money spent" in ran("status").stdout
    ran(*NOW)
    said = ran("status").stdout
    assert "at the list price: $" in said
    assert "spent" not in said


def test_models_of_batches_that_stayed_do_not_stand_for_those_that_are_removed(ran, monkeypatch):
    from gemchain.cli.views import status

    ran(*NOW)
    ran.rows({"id": "new", "topic": "another"}, name="more.jsonl")
    ran.run(f"{next(ran.folder.glob('chain_*.py')).name}:start", "more.jsonl", "more_out.jsonl")
    monkeypatch.setattr(
        status, "models_of", lambda _: status.Models().plus([("vertex", "gemini-3.5-flash-lite")])
    )
    assert "spent" not in ran("status").stdout


def test_after_gc_unchanged_rows_are_not_called_changed(ran):
    target = f"{next(ran.folder.glob('chain_*.py')).name}:start"
    ran(*NOW)
    assert "changed" not in ran.run(target).stdout
    ran.rows(*({"id": name, "topic": f"{name} is a letter."} for name in "ab"), {"id": "c", "topic": "other"})
    again = ran.run(target)
    assert again.exit_code == 0
    assert "1 row changed since the chain was started" in again.stdout


def test_what_an_older_gc_left_without_a_fingerprint_is_not_called_changed(ran):
    database = sqlite3.connect(ran.folder / ".gemchain" / "gemchain.db")
    ran(*NOW)
    with database:
        assert database.execute("UPDATE chains SET args = '{}'").rowcount == 3
    database.close()
    again = ran.run(f"{next(ran.folder.glob('chain_*.py')).name}:start")
    assert again.exit_code == 0
    assert "changed" not in again.stdout


def test_show_says_that_the_arguments_are_removed(ran):
    ran(*NOW)
    said = ran("show", ran.json("chains")[0]["id"]).stdout
    assert "removed by `gemchain gc`" in said
    assert "digest" not in said
    assert ran.json("chains")[0]["arguments"] is None


def test_a_chain_whose_prompts_are_removed_cannot_be_replayed_and_that_is_said(ran):
    ran(*NOW)
    done = ran("replay", ran.json("chains")[0]["id"])
    assert done.exit_code == 2
    assert "`gemchain gc` has removed its prompts" in done.stderr


def test_with_forget_keys_the_chains_are_removed_and_run_again(ran):
    removed = ran.json(*NOW, "--forget-keys")["removed"]
    assert (removed["chains"], removed["kept_keys"]) == (3, 0)
    assert ran.json("chains") == []
    assert ran.run(f"{next(ran.folder.glob('chain_*.py')).name}:start").exit_code == 0
    assert ran.json("status")["prompts"] == {"DONE": 12}


def test_a_chain_without_its_prompts_can_still_be_shown(ran):
    ran(*NOW)
    chain = ran.json("chains")[0]["id"]
    shown = ran("show", chain)
    assert shown.exit_code == 0, shown.stderr
    assert "DONE" in shown.stdout
    assert ran("status").exit_code == 0


def test_with_compact_free_space_is_given_back_to_the_disk(cli):
    cli.rows(*({"id": str(n), "topic": f"{n} is a number. " * 40} for n in range(400)))
    assert cli.run().exit_code == 0
    data = cli.json(*NOW, "--forget-keys")["database"]
    assert data["after"]["size"] == data["before"]["size"]
    assert data["after"]["free"] > data["before"]["size"] / 2
    assert "--compact gives them back" in cli(*NOW).stdout
    compact = cli.json(*NOW, "--compact")["database"]
    assert compact["after"]["free"] == 0
    assert compact["after"]["size"] < compact["before"]["size"] / 2
    database = cli.folder / ".gemchain" / "gemchain.db"
    assert database.stat().st_size == compact["after"]["size"]
    assert sqlite3.connect(database).execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "1000000d", "30 days", "1y"])
def test_an_invalid_age_is_refused(cli, text):
    with pytest.raises(InvalidInputError, match="30d, 12h, 90m or 2w"):
        age(text)


def test_an_age_is_a_number_and_a_unit():
    seconds = [age(each).total_seconds() for each in ("45s", "90m", "12h", "30d", "2w")]
    assert seconds == [45, 5_400, 43_200, 2_592_000, 1_209_600]
    assert age("99999w").days == 36_500


def test_a_missing_state_is_not_created(cli):
    assert cli("gc", "--state", "nowhere").exit_code == 2
    assert not (cli.folder / "nowhere").exists()
