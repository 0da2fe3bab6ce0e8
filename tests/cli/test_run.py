"""`gemchain run`: rows, results, and running the same command again."""

import json

TOPICS = [{"topic": f"Number {number} is a number. It is whole."} for number in range(7)]


def test_every_row_becomes_a_chain_and_the_results_have_the_order_of_the_rows(cli):
    cli.rows(*TOPICS)
    done = cli.run()
    assert done.exit_code == 0, done.stderr
    results = cli.results()
    assert [line["result"]["topic"] for line in results] == [row["topic"] for row in TOPICS]
    assert [line["id"] for line in results] == [1, 2, 3, 4, 5, 6, 7]
    assert {line["state"] for line in results} == {"DONE"}
    assert "7 chains done" in done.stdout
    assert "14 prompts in 2 batches" in done.stdout


def test_simulated_money_is_never_called_spent(cli):
    cli.rows(*TOPICS)
    said = cli.run().stdout
    assert "simulated, no money spent; at the list price of gemini-3.5-flash-lite: $" in said
    assert " spent, " not in said


def test_a_model_without_a_price_shows_tokens_and_no_money(cli):
    cli.rows(*TOPICS)
    target = cli.module(**{"gemini-3.5-flash-lite": "echo"})
    said = cli.run(f"{target}:start").stdout
    assert "tokens asked" in said
    assert "$" not in said


def test_running_again_when_all_is_done_sends_nothing(cli):
    cli.rows(*TOPICS)
    target = f"{cli.module()}:start"
    cli.run(target)
    first, batches = cli.results(), len(cli.json("batches"))
    again = cli.run(target)
    assert again.exit_code == 0
    assert "nothing was sent" in again.stdout
    assert cli.results() == first
    assert len(cli.json("batches")) == batches


def test_a_second_run_sends_only_the_rows_that_were_added(cli):
    target = f"{cli.module()}:start"
    cli.rows(*TOPICS)
    cli.run(target)
    cli.rows(*TOPICS, {"topic": "One more."})
    done = cli("run", target, "-i", "rows.jsonl", "-o", "out.jsonl", "--json")
    said = json.loads(done.stdout)
    assert (said["rows"], said["started"], said["prompts"]) == (8, 1, 2)
    assert said["states"] == {"DONE": 8}
    assert said["simulated"] is True


def test_an_id_is_the_key_and_is_not_passed_to_a_function_that_does_not_take_it(cli):
    cli.rows({"id": "a", "topic": "Apples are red."}, {"id": 7, "topic": "Pears are green."})
    cli.run()
    assert [line["id"] for line in cli.results()] == ["a", 7]
    assert {chain["key"] for chain in cli.json("chains")} == {"a", "7"}


def test_an_id_is_passed_to_a_function_that_takes_it(cli):
    cli.rows({"id": "a"})
    target = cli.module("def start(id):\n    return id * 2\n")
    cli.run(f"{target}:start")
    assert cli.results()[0]["result"] == "aa"


def test_csv_values_are_texts_with_the_names_of_the_header(cli):
    (cli.folder / "rows.csv").write_text('topic,count\n"a, ""b""",3\n"two\nlines",4\n', encoding="utf-8-sig")
    target = cli.module("def start(topic, count):\n    return [topic, count]\n")
    assert cli.run(f"{target}:start", rows="rows.csv").exit_code == 0
    assert [line["result"] for line in cli.results()] == [['a, "b"', "3"], ["two\nlines", "4"]]


def test_rows_that_are_equal_and_share_an_id_share_a_chain(cli):
    cli.rows({"id": "a", "topic": "x y z"}, {"id": "a", "topic": "x y z"})
    assert cli.run().exit_code == 0
    first, second = cli.results()
    assert first == second
    assert len(cli.json("chains")) == 1


def test_a_row_that_changed_under_the_same_id_keeps_its_result_and_is_reported(cli):
    target = f"{cli.module()}:start"
    cli.rows({"id": "a", "topic": "Apples are red."})
    cli.run(target)
    cli.rows({"id": "a", "topic": "Pears are green."})
    done = cli.run(target)
    assert "1 row changed since the chain was started" in done.stdout
    assert cli.results()[0]["result"]["topic"] == "Apples are red."


def test_with_an_empty_input_there_is_nothing_to_do(cli):
    cli.rows()
    done = cli.run()
    assert done.exit_code == 0
    assert "Nothing to do" in done.stdout
    assert cli.results() == []


def test_a_chain_that_fails_does_not_affect_others_and_the_exit_code_is_1(cli):
    raises = 'return {"topic": topic, "title": response.text}'
    target = cli.module(**{raises: f'if topic == "bad":\n        raise ValueError("no title")\n    {raises}'})
    cli.rows({"topic": "good"}, {"topic": "bad"})
    done = cli.run(f"{target}:start")
    assert done.exit_code == 1
    good, bad = cli.results()
    assert good["state"] == "DONE"
    assert bad["state"] == "FAILED"
    assert bad["error"] == {"reason": "callback", "message": "ValueError: no title"}
    assert "1 FAILED (callback): ValueError: no title" in done.stdout
    assert "gemchain retry --run r" in done.stdout


def test_a_missing_function_parks_its_prompts_and_retry_continues_without_paying_again(cli):
    name = cli.module()
    source = (cli.folder / name).read_text()
    cli.rows({"topic": "one"}, {"topic": "two"})
    assert cli.run(f"{name}:start", "rows.jsonl", "out.jsonl", "--timeout", "0").exit_code == 1
    cli.rewrite(name, source.replace("middle", "renamed"))
    done = cli.run(f"{name}:start")
    assert done.exit_code == 1
    assert {line["state"] for line in cli.results()} == {"PARKED"}
    assert "has no function 'middle'" in cli.results()[0]["error"]["message"]
    status = cli("status").stdout
    assert "2 (unresolved)" in status
    assert "gemchain retry --all" in status
    cli.rewrite(name, source)
    assert "2 prompts back to work" in cli("retry", "--all", "--yes").stdout
    assert cli.run(f"{name}:start").exit_code == 0
    assert {line["state"] for line in cli.results()} == {"DONE"}
    assert sum(batch["prompts"] for batch in cli.json("batches")) == 4


def test_after_a_timeout_results_are_written_and_the_command_to_continue_is_printed(cli, monkeypatch):
    monkeypatch.setenv("GEMCHAIN_SIMULATED_TURNAROUND", "1000")
    cli.rows(*TOPICS)
    target = f"{cli.module()}:start"
    done = cli.run(target, "rows.jsonl", "out.jsonl", "--timeout", "0.05")
    assert done.exit_code == 1
    assert "Continue with:" in done.stdout
    assert {line["state"] for line in cli.results()} == {"RUNNING"}


def test_quiet_prints_nothing(cli):
    cli.rows(*TOPICS)
    done = cli.run(None, "rows.jsonl", "out.jsonl", "--quiet")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_a_file_that_configures_a_responder_keeps_it_and_the_state_of_the_command_line(cli):
    own = "import gemchain\ngemchain.configure(responder=lambda request: 'forty-two')\n"
    source = (cli.folder / cli.module()).read_text()
    cli.rows({"topic": "x"})
    done = cli.run(f"{cli.module(source + own)}:start", "rows.jsonl", "out.jsonl", "--state", "elsewhere")
    assert done.exit_code == 0, done.stderr
    assert cli.results()[0]["result"]["title"] == "forty-two"
    assert (cli.folder / "elsewhere" / "gemchain.db").exists()
    assert not (cli.folder / ".gemchain").exists()


def test_a_file_in_a_package_is_imported_under_its_full_name(cli):
    package = cli.folder / "chain_pack" / "inner"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package.parent / "__init__.py").write_text("WORD = 'from the package'\n")
    (package / "chains.py").write_text(
        "from chain_pack import WORD\n\ndef start():\n    return [__name__, WORD]\n"
    )
    cli.rows({})
    done = cli.run("chain_pack/inner/chains.py:start")
    assert done.exit_code == 0, done.stderr
    assert cli.results()[0]["result"] == ["chain_pack.inner.chains", "from the package"]
