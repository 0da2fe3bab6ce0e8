"""`gemchain run`: rows in, results out, and again.

Longer than 300 lines: one command, with its input, its output and its interruptions.
"""

import json
import os
import subprocess
import sys

import pytest

TOPICS = [{"topic": f"Number {number} is a number. It is whole."} for number in range(7)]


def test_every_row_becomes_a_chain_and_results_come_in_the_order_of_the_rows(shop):
    shop.rows(*TOPICS)
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    results = shop.results()
    assert [line["result"]["topic"] for line in results] == [row["topic"] for row in TOPICS]
    assert [line["id"] for line in results] == [1, 2, 3, 4, 5, 6, 7]
    assert {line["state"] for line in results} == {"DONE"}
    assert "7 chains done" in done.stdout
    assert "14 prompts in 2 batches" in done.stdout


def test_simulated_money_is_never_called_spent(shop):
    shop.rows(*TOPICS)
    said = shop.run().stdout
    assert "simulated, no money spent; at the list price of gemini-3.5-flash-lite: $" in said
    assert " spent, " not in said


def test_a_model_without_a_price_shows_tokens_and_no_money(shop):
    shop.rows(*TOPICS)
    target = shop.module(**{"gemini-3.5-flash-lite": "echo"})
    said = shop.run(f"{target}:start").stdout
    assert "tokens asked" in said
    assert "$" not in said


def test_running_again_when_all_is_done_sends_nothing_and_says_so(shop):
    shop.rows(*TOPICS)
    target = f"{shop.module()}:start"
    shop.run(target)
    first, batches = shop.results(), len(shop.json("batches"))
    again = shop.run(target)
    assert again.exit_code == 0
    assert "nothing was sent" in again.stdout
    assert shop.results() == first
    assert len(shop.json("batches")) == batches


def test_rows_that_were_added_are_all_that_a_second_run_sends(shop):
    target = f"{shop.module()}:start"
    shop.rows(*TOPICS)
    shop.run(target)
    shop.rows(*TOPICS, {"topic": "One more."})
    done = shop("run", target, "-i", "rows.jsonl", "-o", "out.jsonl", "--json")
    said = json.loads(done.stdout)
    assert (said["rows"], said["started"], said["prompts"]) == (8, 1, 2)
    assert said["states"] == {"DONE": 8}
    assert said["simulated"] is True


def test_an_id_is_the_key_and_is_kept_from_a_function_that_does_not_take_it(shop):
    shop.rows({"id": "a", "topic": "Apples are red."}, {"id": 7, "topic": "Pears are green."})
    shop.run()
    assert [line["id"] for line in shop.results()] == ["a", 7]
    assert {chain["key"] for chain in shop.json("chains")} == {"a", "7"}


def test_an_id_is_passed_to_a_function_that_takes_it(shop):
    shop.rows({"id": "a"})
    target = shop.module("def start(id):\n    return id * 2\n")
    shop.run(f"{target}:start")
    assert shop.results()[0]["result"] == "aa"


def test_csv_rows_are_texts_under_the_names_of_the_header(shop):
    (shop.folder / "rows.csv").write_text('topic,count\n"a, ""b""",3\n"two\nlines",4\n', encoding="utf-8-sig")
    target = shop.module("def start(topic, count):\n    return [topic, count]\n")
    assert shop.run(f"{target}:start", rows="rows.csv").exit_code == 0
    assert [line["result"] for line in shop.results()] == [['a, "b"', "3"], ["two\nlines", "4"]]


def test_rows_that_are_equal_and_share_an_id_share_a_chain(shop):
    shop.rows({"id": "a", "topic": "x y z"}, {"id": "a", "topic": "x y z"})
    assert shop.run().exit_code == 0
    first, second = shop.results()
    assert first == second
    assert len(shop.json("chains")) == 1


def test_a_row_that_changed_under_the_same_id_keeps_its_result_and_is_reported(shop):
    target = f"{shop.module()}:start"
    shop.rows({"id": "a", "topic": "Apples are red."})
    shop.run(target)
    shop.rows({"id": "a", "topic": "Pears are green."})
    done = shop.run(target)
    assert "1 row changed since the chain was started" in done.stdout
    assert shop.results()[0]["result"]["topic"] == "Apples are red."


def test_an_empty_input_is_nothing_to_do(shop):
    shop.rows()
    done = shop.run()
    assert done.exit_code == 0
    assert "Nothing to do" in done.stdout
    assert shop.results() == []


def test_a_chain_that_fails_leaves_its_neighbours_alone_and_the_exit_code_is_1(shop):
    raises = 'return {"topic": topic, "title": response.text}'
    target = shop.module(
        **{raises: f'if topic == "bad":\n        raise ValueError("no title")\n    {raises}'}
    )
    shop.rows({"topic": "good"}, {"topic": "bad"})
    done = shop.run(f"{target}:start")
    assert done.exit_code == 1
    good, bad = shop.results()
    assert good["state"] == "DONE"
    assert bad["state"] == "FAILED"
    assert bad["error"] == {"reason": "callback", "message": "ValueError: no title"}
    assert "1 FAILED (callback): ValueError: no title" in done.stdout
    assert "gemchain retry --all" in done.stdout


def test_a_function_that_is_gone_parks_and_retry_resumes_without_paying_again(shop):
    name = shop.module()
    source = (shop.folder / name).read_text()
    shop.rows({"topic": "one"}, {"topic": "two"})
    assert shop.run(f"{name}:start", "rows.jsonl", "out.jsonl", "--timeout", "0").exit_code == 1
    shop.rewrite(name, source.replace("middle", "renamed"))
    done = shop.run(f"{name}:start")
    assert done.exit_code == 1
    assert {line["state"] for line in shop.results()} == {"PARKED"}
    assert "has no function 'middle'" in shop.results()[0]["error"]["message"]
    status = shop("status").stdout
    assert "2 (unresolved)" in status
    assert "gemchain retry --all" in status
    shop.rewrite(name, source)
    assert "2 prompts back to work" in shop("retry", "--all").stdout
    assert shop.run(f"{name}:start").exit_code == 0
    assert {line["state"] for line in shop.results()} == {"DONE"}
    assert sum(batch["prompts"] for batch in shop.json("batches")) == 4


def test_a_timeout_writes_what_there_is_and_tells_how_to_continue(shop, monkeypatch):
    monkeypatch.setenv("GEMCHAIN_SIMULATED_TURNAROUND", "1000")
    shop.rows(*TOPICS)
    target = f"{shop.module()}:start"
    done = shop.run(target, "rows.jsonl", "out.jsonl", "--timeout", "0.05")
    assert done.exit_code == 1
    assert "Continue with:" in done.stdout
    assert {line["state"] for line in shop.results()} == {"RUNNING"}


def test_quiet_prints_nothing(shop):
    shop.rows(*TOPICS)
    done = shop.run(None, "rows.jsonl", "out.jsonl", "--quiet")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_a_file_that_configures_a_responder_keeps_it_and_the_state_of_the_command_line(shop):
    own = "import gemchain\ngemchain.configure(responder=lambda request: 'forty-two')\n"
    source = (shop.folder / shop.module()).read_text()
    shop.rows({"topic": "x"})
    done = shop.run(f"{shop.module(source + own)}:start", "rows.jsonl", "out.jsonl", "--state", "elsewhere")
    assert done.exit_code == 0, done.stderr
    assert shop.results()[0]["result"]["title"] == "forty-two"
    assert (shop.folder / "elsewhere" / "gemchain.db").exists()
    assert not (shop.folder / ".gemchain").exists()


def test_a_file_in_a_package_is_imported_under_its_full_name(shop):
    package = shop.folder / "chain_pack" / "inner"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package.parent / "__init__.py").write_text("WORD = 'from the package'\n")
    (package / "chains.py").write_text(
        "from chain_pack import WORD\n\ndef start():\n    return [__name__, WORD]\n"
    )
    shop.rows({})
    done = shop.run("chain_pack/inner/chains.py:start")
    assert done.exit_code == 0, done.stderr
    assert shop.results()[0]["result"] == ["chain_pack.inner.chains", "from the package"]


def test_two_processes_on_one_state_share_the_work_and_both_have_all_results(shop):
    shop.rows(*({"topic": f"Number {number} is odd."} for number in range(300)))
    target = f"{shop.module()}:start"
    environment = os.environ | {"GEMCHAIN_SIMULATED_TURNAROUND": "0.2"}
    running = [
        subprocess.Popen(
            [*GEMCHAIN, "run", target, "--input", "rows.jsonl", "--output", f"out{number}.jsonl", "--quiet"],
            cwd=shop.folder,
            env=environment,
        )
        for number in range(2)
    ]
    assert [each.wait(timeout=60) for each in running] == [0, 0]
    assert shop.results("out0.jsonl") == shop.results("out1.jsonl")
    assert sum(batch["counts"].get("done", 0) for batch in shop.json("batches")) == 600


GEMCHAIN = (sys.executable, "-c", "from gemchain.cli import main; main()")

STUBBORN = """
import os, threading
import gemchain

def respond(request):
    if os.environ.get("BLOCK"):
        print("asked", flush=True)
        threading.Event().wait()
    return "yes"

gemchain.configure(responder=respond)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for one process")
def test_ctrl_c_tells_the_command_that_continues_and_it_does(shop):
    import signal

    shop.rows(*TOPICS)
    source = (shop.folder / shop.module()).read_text()
    words = [
        "run",
        f"{shop.module(source + STUBBORN)}:start",
        "--input",
        "rows.jsonl",
        "--output",
        "out.jsonl",
    ]
    running = subprocess.Popen(
        [*GEMCHAIN, *words],
        cwd=shop.folder,
        env=os.environ | {"BLOCK": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        try:
            assert running.stdout.readline() == "asked\n"
            running.send_signal(signal.SIGINT)
            _, said = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 130
    assert said == f"■ Interrupted. Continue with:  gemchain {' '.join(words)}\n"
    assert not (shop.folder / "out.jsonl").exists()
    again = subprocess.run([*GEMCHAIN, *words], cwd=shop.folder, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert [line["result"]["title"] for line in shop.results()] == ["yes"] * 7
    assert sum(batch["counts"].get("done", 0) for batch in shop.json("batches")) == 14


PROGRAM = """
import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"


@gemchain.chain(name="article")
async def write(topic):
    parts = await gemchain.gather([gemchain.prompt(f"{word}: {topic}", MODEL) for word in ("Sum", "Title")])
    verdict = await gemchain.wait("approval")
    return [len(parts), verdict]
"""


def test_an_async_chain_over_rows_waits_for_a_person_and_is_resumed(shop):
    target = f"{shop.module(PROGRAM)}:write"
    shop.rows({"id": "a", "topic": "Apples are red."}, {"id": "b", "topic": "Pears are green."})
    done = shop.run(target)
    assert done.exit_code == 1
    assert {line["state"] for line in shop.results()} == {"WAITING"}
    assert "approval" in shop.results()[0]["error"]["message"]
    assert "2 WAITING (waiting)" in done.stdout
    first, second = (line["chain"] for line in shop.results())
    assert f"gemchain resume {first} VALUE" in done.stdout
    assert "waits for a person (approval); e.g. gemchain resume" in shop("status").stdout
    assert "waits for a person" in shop("show", first).stdout
    assert "has its value" in shop("resume", first, "fine").stdout
    assert shop.json("resume", second, '{"ok": true}', "--name", "approval") == {
        "chain": second,
        "resumed": True,
    }
    again = shop.run(target)
    assert again.exit_code == 0
    assert [line["result"] for line in shop.results()] == [[2, "fine"], [2, {"ok": True}]]
    assert sum(batch["prompts"] for batch in shop.json("batches")) == 4


def test_resume_of_what_does_not_wait_is_refused(shop):
    shop.rows({"topic": "Apples are red."})
    shop.run()
    done = shop("resume", shop.json("chains")[0]["id"], "yes")
    assert done.exit_code == 2
    assert "waits for nothing that resume() could bring" in done.stderr
    assert "is a batch" in shop("resume", shop.json("batches")[0]["id"]).stderr


JOIN = """
import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"


def start(topic):
    gemchain.gather([gemchain.prompt(f"{word}: {topic}", MODEL) for word in ("Summarise", "Title")], both)


def both(results):
    return [bool(result.text) for result in results]
"""


def test_a_gather_is_shown_as_what_waits_for_its_branches(shop, monkeypatch):
    monkeypatch.setenv("GEMCHAIN_SIMULATED_TURNAROUND", "1000")
    shop.rows({"topic": "Apples are red."})
    shop.run(f"{shop.module(JOIN)}:start", "rows.jsonl", "out.jsonl", "--timeout", "0.05")
    chain = shop.results()[0]["chain"]
    assert "waits for its branches" in shop("show", chain).stdout
    assert "waits for its branches" in shop("status").stdout
    join = next(each for each in shop.json("show", chain)["prompts"] if each["kind"] == "join")
    assert "waits for its branches" in shop("show", join["id"]).stdout
