"""The commands `status`, `chains`, `batches`, `show`, `retry` and `cancel`."""

import pytest

FAILING = """
import gemchain

def start(topic):
    gemchain.submit(topic, "simulated/gemini-3.5-flash-lite", left)
    gemchain.submit(topic + "!", "simulated/gemini-3.5-flash-lite", right)

def left(response):
    return response.text

def right(response):
    raise ValueError("right is wrong")
"""


@pytest.fixture
def failed(cli):
    """A forked chain, one branch of which has failed."""
    cli.rows({"id": "x", "topic": "This is a sentence."})
    assert cli.run(f"{cli.module(FAILING)}:start").exit_code == 1
    return cli


def test_a_missing_state_is_not_created(cli):
    for command in ("status", "chains", "batches"):
        done = cli(command, "--state", "nowhere")
        assert done.exit_code == 2
        assert "there is no gemchain state in 'nowhere'" in done.stderr
    assert not (cli.folder / "nowhere").exists()


def test_status_shows_counts_and_that_nothing_is_left_to_do(ran):
    said = ran("status").stdout
    assert "3 DONE" in said
    assert "6 DONE" in said
    assert "no money spent" in said
    assert "nothing to do: everything has ended" in said


def test_status_groups_failures_by_reason_and_names_the_next_command(failed):
    said = failed("status").stdout
    assert "1 (callback): ValueError: right is wrong" in said
    assert "gemchain retry --all" in said
    data = failed.json("status")
    assert data["failed"][0]["count"] == 1
    assert data["chains"]["FAILED"] == 1


def test_status_shows_how_many_prompts_wait_for_which_batch(cli, monkeypatch):
    monkeypatch.setenv("GEMCHAIN_SIMULATED_TURNAROUND", "1000")
    cli.rows({"topic": "a"}, {"topic": "b"})
    cli.run(None, "rows.jsonl", "out.jsonl", "--timeout", "0.05")
    batch = cli.json("batches")[0]["id"]
    said = cli("status").stdout
    assert f"2 prompts wait for batch {batch}, sent to simulated:gemini-3.5-flash-lite" in said
    assert "gemchain run chain_" in said
    assert cli.json("status")["open_batches"][0]["state"] == "SENT"


def test_status_shows_how_many_prompts_wait_for_the_next_batch(cli, monkeypatch):
    monkeypatch.setenv("GEMCHAIN_GRACE", "1000")
    cli.rows({"topic": "a"})
    cli.run(None, "rows.jsonl", "out.jsonl", "--timeout", "0")
    assert "1 prompt for simulated:gemini-3.5-flash-lite wait" in cli("status").stdout


def test_chains_lists_the_newest_and_tells_when_there_may_be_more(ran):
    said = ran("chains", "--limit", "2").stdout
    assert "no more than 2 are shown; see --limit" in said
    assert len(ran.json("chains", "--only", "done")) == 3
    assert ran("chains", "--only", "FAILED").stdout == "None.\n"


def test_an_unknown_state_is_refused_with_the_known_ones(ran):
    done = ran("chains", "--only", "finished")
    assert done.exit_code == 2
    assert "RUNNING, DONE, FAILED, CANCELLED" in done.stderr


def test_batches_lists_rows_and_models(ran):
    said = ran("batches").stdout
    assert said.count("simulated:gemini-3.5-flash-lite") == 2
    assert "3 done" in said
    assert [batch["prompts"] for batch in ran.json("batches")] == [3, 3]


def test_tables_keep_ids_and_states_on_a_narrow_terminal(ran, monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")
    chain = ran.json("chains")[0]["id"]
    line = next(each for each in ran("chains").stdout.splitlines() if chain[:13] in each)
    assert "DONE" in line
    assert len(line) <= 90


def test_show_draws_a_chain_with_its_times_tokens_and_result(ran):
    chain = ran.json("chains")[-1]
    said = ran("show", chain["id"]).stdout
    assert f"chain {chain['id']}  DONE" in said
    assert "middle()" in said
    assert "queued" in said
    assert "tokens asked" in said
    assert '"title":' in said
    data = ran.json("show", chain["id"])
    assert [prompt["depth"] for prompt in data["prompts"]] == [0, 1]
    assert data["arguments"]["params"]["topic"].endswith("is a letter.")


def test_show_takes_the_unique_beginning_of_an_id(ran):
    chain = ran.json("chains")[0]["id"]
    assert ran.json("show", chain[:12])["id"] == chain


def test_show_a_prompt_with_its_request_and_its_answer(ran):
    chain = ran.json("show", ran.json("chains")[0]["id"])
    prompt = chain["prompts"][0]["id"]
    said = ran("show", prompt).stdout
    assert "Summarise: " in said
    assert "answer" in said
    data = ran.json("show", prompt)
    assert data["request"]["contents"][0]["parts"][0]["text"].startswith("Summarise: ")
    assert "is a letter" in data["answer"]


def test_show_a_prompt_whose_answer_is_gone_says_so(ran):
    import shutil

    prompt = ran.json("show", ran.json("chains")[0]["id"])["prompts"][0]["id"]
    shutil.rmtree(ran.folder / ".gemchain" / "files")
    assert "(cannot be read: " in ran("show", prompt).stdout


def test_show_a_batch_with_its_job_and_its_rows(ran):
    batch = ran.json("batches")[0]["id"]
    said = ran("show", batch).stdout
    assert f"batch {batch}  CLOSED" in said
    assert "simulated/jobs/" in said
    assert "3 done" in said


def test_show_the_failure_of_a_forked_chain_with_its_traceback(failed):
    chain = failed.json("chains")[0]["id"]
    said = failed("show", chain).stdout
    assert "callback: ValueError: right is wrong" in said
    assert 'raise ValueError("right is wrong")' in said
    assert "left()" in said


def test_an_unknown_id_is_refused_everywhere(ran):
    for command in ("show", "retry", "cancel"):
        done = ran(command, "cffffffffffff")
        assert done.exit_code == 2
        assert "no chain, prompt or batch has an id that begins with 'cffffffffffff'" in done.stderr


def test_an_id_that_fits_several_names_them(ran):
    done = ran("show", "c")
    assert done.exit_code == 2
    assert "'c' fits several; type one of their ids:" in done.stderr


def test_retry_sends_a_failed_chain_back_and_says_how_many(failed):
    chain = failed.json("chains")[0]["id"]
    assert f"{chain}: 1 prompt back to work" in failed("retry", chain).stdout
    assert failed.json("chains")[0]["state"] == "RUNNING"
    assert f"{chain}: nothing was FAILED or PARKED" in failed("retry", chain).stdout


def test_retry_takes_a_prompt_and_all(failed):
    chain = failed.json("show", failed.json("chains")[0]["id"])
    prompt = next(each["id"] for each in chain["prompts"] if each["state"] == "FAILED")
    assert failed.json("retry", prompt) == {"retried": {prompt: 1}}
    assert failed.json("retry", "--all", "--yes") == {"retried": {"all": 0}}


def test_retry_wants_ids_or_all_and_no_batch(ran):
    assert ran("retry").exit_code == 2
    assert ran("retry", "--all", "c1").exit_code == 2
    assert "is a batch" in ran("retry", ran.json("batches")[0]["id"]).stderr


def test_cancel_stops_a_running_chain_and_drops_its_answers(cli, monkeypatch):
    monkeypatch.setenv("GEMCHAIN_SIMULATED_TURNAROUND", "1000")
    cli.rows({"topic": "a"}, {"topic": "b"})
    target = f"{cli.module()}:start"
    cli.run(target, "rows.jsonl", "out.jsonl", "--timeout", "0.05")
    chain = cli.json("chains")[0]["id"]
    assert f"chain {chain} is cancelled" in cli("cancel", chain).stdout
    assert cli.json("cancel", chain) == {"chain": chain, "cancelled": False, "state": "CANCELLED"}
    prompt = cli.json("show", cli.json("chains", "--only", "running")[0]["id"])["prompts"][0]
    said = cli("cancel", prompt["id"]).stdout
    assert f"chain {prompt['chain']} is cancelled; prompt {prompt['id']} belongs to it" in said


def test_cancel_of_what_has_ended_changes_nothing(ran):
    chain = ran.json("chains")[0]["id"]
    assert f"chain {chain} was DONE already; nothing changed" in ran("cancel", chain).stdout
    assert "only a SENT one has a job" in ran("cancel", ran.json("batches")[0]["id"]).stderr


def test_help_names_every_command_and_version_the_version(cli):
    said = cli("--help").stdout
    for command in ("run", "status", "chains", "batches", "show", "retry", "cancel"):
        assert command in said
    assert cli("--version").stdout.startswith("gemchain ")
