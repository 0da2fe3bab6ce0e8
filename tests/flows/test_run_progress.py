"""What `gemchain.run()` shows and logs, and how Ctrl-C ends a script.

Longer than 300 lines: most of it runs scripts on a pseudo terminal, which share their helpers.
"""

import logging
import os
import pty
import re
import signal
import subprocess
import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest

import gemchain
from gemchain.display import waiting
from gemchain.display.interrupts import AGAIN, WITHOUT_KEYS
from gemchain.display.meter import Meter
from gemchain.display.waiting import waits_for
from gemchain.records import Batch, OutputFile, Part, StepCount
from gemchain.records.states import BatchState
from gemchain.testing import EPOCH, embedded

MODEL = "simulated/gemini-3.5-flash-lite"

SCRIPT = """
import os, sys
import gemchain

def start(topic):
    gemchain.submit(topic, "simulated/gemini-3.5-flash-lite", draft)

def draft(response):
    gemchain.submit(response.text, "simulated/gemini-3.5-flash-lite", finish)

def finish(response):
    return response.text

if __name__ == "__main__":
    for number in range(50):
        gemchain.start(start, f"Bee {number} flies.", key=str(number))
    caught = "catch" in sys.argv
    try:
        gemchain.run(progress={"yes": True, "no": False, "auto": None}[sys.argv[1]])
    except KeyboardInterrupt:
        if not caught:
            raise
        print("caught", flush=True)
"""


def begin(topic):
    gemchain.submit(topic, MODEL, middle)


def middle(response):
    gemchain.submit(response.text, MODEL, finish)


def finish(response):
    return response.text


@pytest.fixture
def script(tmp_path):
    file = tmp_path / "bees.py"
    file.write_text(SCRIPT)

    def command(*arguments):
        settings = {"GEMCHAIN_GRACE": "0", "GEMCHAIN_POLL": "0.01", "COLUMNS": "80"}
        for word, seconds in (("wait", "1000"), ("slowly", "1")):
            if word in arguments:
                settings["GEMCHAIN_SIMULATED_TURNAROUND"] = seconds
        return {
            "args": [sys.executable, str(file), *arguments],
            "cwd": tmp_path,
            "env": {"PATH": os.environ["PATH"], "TERM": "xterm", **settings},
        }

    return command


def in_terminal(options, until, *, interrupt=False):
    """Run a command on a terminal until it has shown something; what it showed in all, and its exit code."""
    master, slave = pty.openpty()
    with subprocess.Popen(**options, stdin=slave, stdout=slave, stderr=slave, close_fds=True) as running:
        os.close(slave)
        shown = b""
        sent = False
        while True:
            try:
                more = os.read(master, 65536)
            except OSError:
                break
            if not more:
                break
            shown += more
            if interrupt and not sent and until in shown:
                running.send_signal(signal.SIGINT)
                sent = True
        code = running.wait(timeout=60)
    os.close(master)
    return shown.decode(), code


def test_on_a_terminal_it_shows_a_board_with_steps(script):
    shown, code = in_terminal(script("auto", "slowly"), b"")
    assert code == 0
    for part in ("bees", "draft", "finish", "of 50"):
        assert part in shown


def test_log_lines_stand_above_the_board(script, tmp_path):
    options = script("auto", "slowly")
    file = tmp_path / "bees.py"
    logs = "import logging\nlogging.basicConfig(level=logging.INFO)\n"
    file.write_text(logs + SCRIPT)
    shown, code = in_terminal(options, b"")
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    lines = [line for line in re.split(r"[\r\n]+", plain) if "INFO:gemchain:" in line]
    assert len(lines) >= 6
    assert all(line.startswith("INFO:gemchain:") for line in lines)


def test_without_a_terminal_it_shows_nothing_unless_it_is_asked_to(script):
    quiet = subprocess.run(**script("auto"), capture_output=True, text=True, check=True)
    assert (quiet.stdout, quiet.stderr) == ("", "")
    asked = subprocess.run(**script("yes"), capture_output=True, text=True, check=True)
    assert asked.stdout == ""
    assert asked.stderr.startswith("chains 0 of 0 done"), "the first run did all of it"


def test_on_a_terminal_it_can_be_hidden(script):
    shown, code = in_terminal(script("no"), b"")
    assert (shown, code) == ("", 0)


@pytest.mark.parametrize("how", ["auto", "no"])
def test_ctrl_c_ends_a_script_with_one_line(script, how):
    options = script(how, "wait")
    if how == "no":
        with subprocess.Popen(
            **options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            state = options["cwd"] / ".gemchain" / "files" / "simulated" / "jobs"
            while not state.exists():
                assert running.poll() is None
            running.send_signal(signal.SIGINT)
            told, said = running.communicate(timeout=60)
        assert (told, said) == ("", f"{AGAIN}\n")
        assert running.returncode == -signal.SIGINT
        return
    shown, code = in_terminal(options, b"waits for", interrupt=True)
    assert code == -signal.SIGINT
    assert shown.rstrip().endswith(AGAIN)
    assert "Traceback" not in shown


def test_after_ctrl_c_chains_without_a_key_are_not_started_a_second_time(script, tmp_path):
    options = script("auto", "wait")
    file = tmp_path / "bees.py"
    file.write_text(SCRIPT.replace(", key=str(number)", ""))
    shown, _ = in_terminal(options, b"waits for", interrupt=True)
    command = shown.rpartition(WITHOUT_KEYS)[2].strip().replace("\r\n", "")
    assert command == 'GEMCHAIN_PROGRAM=bees python -c "import gemchain; gemchain.run()"'
    code = (
        "import gemchain; gemchain.run(timeout=0); print(gemchain.runtime.active().store.counters().chains)"
    )
    again = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=options["env"] | {"GEMCHAIN_PROGRAM": "bees"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert again.stdout.strip().endswith(": 50}"), "none was started anew"


def test_a_script_that_catches_ctrl_c_gets_it(script):
    shown, code = in_terminal(script("auto", "wait", "catch"), b"waits for", interrupt=True)
    assert code == 0
    assert shown.rstrip().endswith("caught")
    assert AGAIN not in shown


def test_another_error_of_the_script_keeps_its_traceback(tmp_path):
    code = "import gemchain; gemchain.run(); raise ValueError('mine')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "ValueError: mine" in done.stderr
    assert "Traceback" in done.stderr


def test_batches_are_logged_at_info(tmp_path, caplog):
    caplog.set_level(logging.INFO, "gemchain")
    with embedded(tmp_path) as engine:
        gemchain.start(begin, "bees")
        engine.run()
    said = [each.getMessage() for each in caplog.records]
    assert sum("1 prompts sent to batch/simulated:" in each for each in said) == 2
    assert sum("has arrived" in each for each in said) == 2
    assert sum("is closed: 1 done" in each for each in said) == 2


def test_a_snapshot_has_the_steps_in_the_order_in_which_they_were_met(tmp_path):
    with embedded(tmp_path) as engine:
        meter = Meter(engine.runtime.store)
        for number in range(3):
            gemchain.start(begin, f"bee {number}", key=str(number))
        assert meter.read().steps == (("middle", StepCount(3, 0)),)
        engine.run()
        assert meter.read().steps == (("middle", StepCount(3, 3)), ("finish", StepCount(3, 3)))
        assert Meter(engine.runtime.store).read().steps == (), "what had ended before is not shown"


def test_what_is_waited_for_is_named_with_the_time_that_is_left(tmp_path):
    with embedded(tmp_path, simulated_turnaround=600) as engine:
        store = engine.runtime.store
        gemchain.start(begin, "bees")
        engine.run(timeout=1)
        (waits,) = waits_for(store)
        assert "1 prompt, sent" in waits
        engine.run()
        gemchain.start(begin, "wasps")
        engine.run(timeout=1)
        (waits,) = waits_for(store)
        assert "usually 10." in waits
        assert "left" in waits


def test_a_rest_and_a_callback_that_runs_again_are_waited_for(tmp_path):
    with embedded(tmp_path, simulated_faults="failed=1", retry_delay=500, retry_delay_max=500) as engine:
        gemchain.start(begin, "bees")
        engine.run(timeout=30)
        assert any(
            "rest before another attempt, the first in" in each for each in waits_for(engine.runtime.store)
        )


def test_a_lease_of_another_process_is_waited_for(tmp_path):
    with embedded(tmp_path) as engine:
        store, now = engine.runtime.store, engine.runtime.store.now()
        from gemchain.records import Batch

        store.plan(
            Batch(
                id="b1",
                provider="simulated",
                model="m",
                created_at=now,
                leased_until_at=now + timedelta(seconds=12),
            )
        )
        assert waits_for(store) == ["batch b1 is being written; its lease ends in 12 s"]


@pytest.mark.parametrize("state", BatchState)
def test_what_this_process_has_leased_itself_is_not_waited_for(monkeypatch, state):
    monkeypatch.setattr(waiting, "this_process", lambda: "machine:1:2")
    assert _waits(state, "machine:1:2") == _waits(state, None, lease=None)
    others = _waits(state, "machine:9:2")
    assert others == _waits(state, None)
    assert others[0] == "1 part of answers in work; the last lease ends in 30 s"
    assert _waits(state, "machine:1:2", "machine:9:2").count(others[0]) == 1


def test_where_processes_have_no_identity_every_lease_is_waited_for(monkeypatch):
    monkeypatch.setattr(waiting, "this_process", lambda: None)
    assert len(_waits(BatchState.PLANNED, None)) == len(["the part", "the batch"])


def _waits(state, *holders, lease=EPOCH + timedelta(seconds=30)):
    """What is said of a batch in this state and a part, both leased by each of these processes."""
    batches = [
        Batch(
            id="b1",
            provider="simulated",
            model="m",
            created_at=EPOCH,
            sent_at=EPOCH,
            state=state,
            leased_until_at=lease and lease - timedelta(seconds=1),
            holder=each,
        )
        for each in holders
    ]
    file = OutputFile("uri", 1, 10)
    parts = [
        Part(id="x", batch_id="b1", index=0, file=file, start=0, end=10, leased_until_at=lease, holder=each)
        for each in holders
    ]
    return waits_for(
        SimpleNamespace(
            now=lambda: EPOCH,
            open_batches=lambda: batches,
            list_batches=lambda limit: [],
            open_parts=lambda: parts,
            queues=list,
            next_answer_at=lambda: None,
        )
    )
