"""`gemchain init`, `gemchain dev` and a chain to its end, as a new user would do it."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from tests.firebase import kit

pytestmark = [pytest.mark.firebase, pytest.mark.xdist_group("firebase")]
GEMCHAIN = Path(sys.executable).with_name("gemchain")


@pytest.fixture
def project(tmp_path):
    subprocess.run([GEMCHAIN, "init", tmp_path], check=True, capture_output=True, timeout=60)
    (tmp_path / "functions" / "venv").symlink_to(
        kit.functions_python()
    )  # else `gemchain dev` makes one, which takes a minute
    return tmp_path


@pytest.fixture
def dev(project):
    """A running `gemchain dev`, and its output."""
    tools = Path(kit.firebase_tools()[1]).parents[3] / ".bin"
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    options = ("--free-ports", "--stand-in", "--minute", "0.5", "--turnaround", "0")
    process = subprocess.Popen(
        [GEMCHAIN, "dev", project, *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    log = kit.Log()
    reader = threading.Thread(target=lambda: [log.add(line.rstrip("\n")) for line in process.stdout])
    reader.start()
    yield process, log
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    process.wait(60)
    reader.join()
    process.stdout.close()


def test_a_new_user_comes_from_an_empty_folder_to_the_end_of_a_chain(dev, project):
    process, log = dev
    log.wait_until(lambda: log.count("Stop all:"))
    text = "\n".join(log.lines)
    start = re.search(r"curl .* (http://\S+/startArticles)", text).group(1)
    exports = dict(re.findall(r"\b([A-Z_]+)=(\S+)", text[text.index("Look at it:") :]))
    data = b'{"rows": [{"topic": "the dance of bees"}]}'
    request = Request(start, data, {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as reply:
        chain = reply.read().decode().strip()
    log.wait_until(lambda: log.count("gemchain: dispatched") >= 3)
    done = subprocess.run(
        [GEMCHAIN, "show", chain],
        env=os.environ | exports,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "DONE" in done.stdout
    done = subprocess.run(
        [GEMCHAIN, "doctor", project],
        env=os.environ | exports,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "nothing waits for a person" in done.stdout
    assert "stand-in" in text
    process.send_signal(signal.SIGHUP)  # the terminal is closed; test_readme.py has Ctrl-C
    assert process.wait(60) == 0
    log.wait_until(lambda: log.count("Stopped."))
    with pytest.raises(URLError):
        urlopen(start, timeout=60)


def test_without_a_project_or_firebase_tools_the_next_command_is_printed(project, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    bare = {**os.environ, "PATH": "/nonexistent"}
    for folder, words in ((empty, "gemchain init"), (project, "npm install -g firebase-tools")):
        done = subprocess.run(
            [GEMCHAIN, "dev", folder, "--stand-in"],
            env=bare,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert words in done.stderr
