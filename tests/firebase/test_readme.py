"""The README's commands on Firebase, exactly as they are written, in two terminals."""

import os
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests.firebase import kit

pytestmark = [pytest.mark.firebase, pytest.mark.xdist_group("firebase")]

INSTALLING = (
    "python3 -m pip wheel . --no-deps --quiet --wheel-dir /tmp/gemchain-wheel",
    "python3 -m venv venv && . venv/bin/activate",
    'pip install --quiet "$(echo /tmp/gemchain-wheel/gemchain-*.whl)[firebase]"',
    "npm install firebase-tools",
)
"""Commands that take minutes. The kit does the same once: the same wheel, packages and folders."""

PORTS = (5001, 8080, 9199, 9299, 9499)


def blocks():
    """The commands of both terminals."""
    text = (kit.REPOSITORY / "README.md").read_text()
    section = text.partition("## The same chains on Firebase")[2].partition("\n## ")[0]
    first, second = re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return first, second


def in_use():
    """Ports of the README that other programs use."""
    taken = []
    for port in PORTS:
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                taken.append(port)
    return taken


@pytest.fixture
def home(tmp_path):
    """A home folder with the files that the installing commands would have written."""
    folder = tmp_path / "my-chains"
    folder.mkdir()
    (folder / "venv").symlink_to(kit.functions_python())
    tools = Path(kit.firebase_tools()[1]).parents[3]
    (folder / "node_modules").symlink_to(tools)
    return tmp_path


@pytest.fixture
def terminal(home):
    """Starts bash in that home folder, without the settings of this process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GEMCHAIN", "GOOGLE"))}
    environment = kept | {"HOME": str(home)}
    started = []

    def start(commands):
        process = subprocess.Popen(
            ["bash", "-euc", commands],
            cwd=kit.REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
        process.stdout.close()


def test_the_readmes_commands_bring_a_new_user_to_the_end_of_a_chain(terminal):
    if taken := in_use():
        pytest.skip(f"the README's ports {taken} are in use on this machine by another program")
    first, second = blocks()
    for line in INSTALLING:
        assert line in first.splitlines()
        first = first.replace(f"{line}\n", ". venv/bin/activate\n" if line.endswith("activate") else "")
    log = kit.Log()
    # Without this link `gemchain dev` would make the virtual environment, which takes a minute.
    ready = f"ln -s {kit.functions_python()} functions/venv"
    dev = terminal(first.replace("gemchain dev", f"{ready}\nexec gemchain dev"))
    reader = threading.Thread(target=lambda: [log.add(line.rstrip("\n")) for line in dev.stdout])
    reader.start()
    log.wait_until(lambda: log.count("Stop all:") or dev.poll() is not None)
    assert dev.poll() is None, "\n".join(log.lines)
    output = terminal(second).communicate(timeout=120)[0]
    assert "All is well" in output
    chain = re.search(r"\bc[0-9a-f]{30}\b", output).group()
    export = "\n".join(line for line in second.splitlines() if line.startswith(("cd ", "export ")))
    log.wait_until(lambda: log.count("gemchain: dispatched") >= 3)
    assert "DONE" in terminal(f"{export}\ngemchain chains").communicate(timeout=120)[0]
    assert "bees" in terminal(f"{export}\ngemchain show {chain}").communicate(timeout=120)[0]
    dev.send_signal(signal.SIGINT)
    assert dev.wait(60) == 0
    reader.join()
    assert log.count("Stopped.") == 1
