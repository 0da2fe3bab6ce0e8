"""`gemchain run` as processes of their own: two on one state, and one that is interrupted."""

import os
import subprocess
import sys

import pytest

TOPICS = [{"topic": f"Number {number} is a number. It is whole."} for number in range(7)]
GEMCHAIN = (sys.executable, "-c", "from gemchain.cli import main; main()")


def test_two_processes_on_one_state_share_the_work_and_both_write_all_results(cli):
    cli.rows(*({"topic": f"Number {number} is odd."} for number in range(300)))
    target = f"{cli.module()}:start"
    environment = os.environ | {"GEMCHAIN_SIMULATED_TURNAROUND": "0.2"}
    running = [
        subprocess.Popen(
            [*GEMCHAIN, "run", target, "--input", "rows.jsonl", "--output", f"out{number}.jsonl", "--quiet"],
            cwd=cli.folder,
            env=environment,
        )
        for number in range(2)
    ]
    assert [each.wait(timeout=60) for each in running] == [0, 0]
    assert cli.results("out0.jsonl") == cli.results("out1.jsonl")
    assert sum(batch["counts"].get("done", 0) for batch in cli.json("batches")) == 600


BLOCKING = """
import os, threading
import gemchain

def respond(request):
    if os.environ.get("BLOCK"):
        print("asked", flush=True)
        threading.Event().wait()
    return "yes"

gemchain.configure(responder=respond)
"""


STUCK = """
import os, threading

def finish(response, topic):
    if os.environ.get("BLOCK"):
        print("called", flush=True)
        threading.Event().wait()
    return {"title": response.text}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process began")
def test_after_kill_9_the_lease_of_the_dead_process_is_given_back_at_once(cli):
    cli.rows(*TOPICS)
    name = cli.module((cli.folder / cli.module()).read_text() + STUCK)
    words = ["run", f"{name}:start", "--input", "rows.jsonl", "--output", "out.jsonl"]
    environment = os.environ | {"GEMCHAIN_LEASE": "100000"}
    with subprocess.Popen(
        [*GEMCHAIN, *words],
        cwd=cli.folder,
        env=environment | {"BLOCK": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stdout.readline() == "called\n"
        finally:
            running.kill()
    again = subprocess.run(
        [*GEMCHAIN, *words], cwd=cli.folder, env=environment, capture_output=True, check=False, timeout=60
    )
    assert again.returncode == 0, again.stderr
    assert {line["state"] for line in cli.results()} == {"DONE"}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for one process")
def test_after_ctrl_c_the_printed_command_continues_the_run(cli):
    import signal

    cli.rows(*TOPICS)
    source = (cli.folder / cli.module()).read_text()
    words = [
        "run",
        f"{cli.module(source + BLOCKING)}:start",
        "--input",
        "rows.jsonl",
        "--output",
        "out.jsonl",
    ]
    running = subprocess.Popen(
        [*GEMCHAIN, *words],
        cwd=cli.folder,
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
    assert not (cli.folder / "out.jsonl").exists()
    again = subprocess.run([*GEMCHAIN, *words], cwd=cli.folder, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert [line["result"]["title"] for line in cli.results()] == ["yes"] * 7
    assert sum(batch["counts"].get("done", 0) for batch in cli.json("batches")) == 14
