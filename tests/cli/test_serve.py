"""`gemchain serve`: what it says, a chain in another process that it carries on, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from gemchain.cli.app import app
from gemchain.records.states import ChainState
from tests.serve.senders import OPENAI_SECRET, SHARED

# As the installed command, which does not find modules in the current folder by itself.
GEMCHAIN = (sys.executable, "-P", "-c", "from gemchain.cli import main; main()")
STARTING = "import gemchain, {name}; gemchain.start({name}.start, 'Bees dance. It is a language.')"


class Serving:
    """`gemchain serve` in a process of its own, and what it said when it was ready."""

    def __init__(self, folder, *arguments, **variables):
        environment = os.environ | {"GEMCHAIN_PUSH_SECRET": SHARED, "GEMCHAIN_GRACE": "0"} | variables
        self._process = subprocess.Popen(
            [*GEMCHAIN, "serve", "--port", "0", "--json", *arguments],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = json.loads(self._process.stdout.readline())

    def end(self, number):
        """Send a signal; the exit code and what was written to stderr."""
        self._process.send_signal(number)
        _, errors = self._process.communicate(timeout=60)
        return self._process.returncode, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_what_is_on_answers_and_ends_cleanly(cli, number):
    serving = Serving(cli.folder)
    assert serving.said["on"] == ["/notifications/storage", "/batch_processing_done"]
    assert serving.said["off"]["/webhooks/openai"] == "OPENAI_WEBHOOK_SECRET"
    with urllib.request.urlopen(f"{serving.said['url']}/healthz", timeout=60) as reply:
        assert reply.status == 200
    assert serving.end(number) == (0, "Stopped.\n")


def test_it_does_the_work_of_other_processes_and_a_notification_brings_the_answer(cli):
    """The engine asks once an hour, so only the notifications explain that the chain ends."""
    name = cli.module().removesuffix(".py")
    slow = {"GEMCHAIN_POLL": "3600", "GEMCHAIN_POLL_MAX": "3600", "GEMCHAIN_SIMULATED_TURNAROUND": "0.2"}
    subprocess.run(
        [sys.executable, "-c", STARTING.format(name=name)],
        cwd=cli.folder,
        env=os.environ | slow,
        check=True,
    )
    serving = Serving(cli.folder, OPENAI_WEBHOOK_SECRET=OPENAI_SECRET, **slow)
    assert "/webhooks/openai" in serving.said["on"]
    (chain,) = cli.json("chains")
    while chain["state"] == ChainState.RUNNING:
        request = urllib.request.Request(
            f"{serving.said['url']}/batch_processing_done",
            b"",
            {"Authorization": f"Bearer {SHARED}"},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            assert reply.status == 200
        (chain,) = cli.json("chains")
    assert chain["state"] == ChainState.DONE
    assert serving.end(signal.SIGINT)[0] == 0


def test_a_secret_that_cannot_be_right_is_told_in_a_line(cli, monkeypatch):
    monkeypatch.setenv("GEMCHAIN_PUSH_SECRET", "short")
    done = cli.runner.invoke(app, ["serve", "--port", "0"])
    assert done.exit_code == 2
    assert "make a longer one" in done.stderr


def test_a_port_in_use_is_told_in_a_line(cli):
    serving = Serving(cli.folder, "--no-work")
    port = serving.said["url"].rpartition(":")[2]
    done = cli.runner.invoke(app, ["serve", "--port", port])
    assert done.exit_code == 2
    assert "--port 0" in done.stderr
    serving.end(signal.SIGINT)


@pytest.mark.parametrize("package", ["starlette.applications", "uvicorn"])
def test_without_its_packages_it_names_the_command_that_installs_them(cli, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    done = cli.runner.invoke(app, ["serve", "--port", "0"])
    assert done.exit_code == 2
    assert "pip install 'gemchain[serve]'" in done.stderr


def test_without_the_library_of_signatures_a_webhooks_secret_cannot_be_used(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "standardwebhooks.webhooks", None)
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", OPENAI_SECRET)
    done = cli.runner.invoke(app, ["serve", "--port", "0"])
    assert done.exit_code == 2
    assert "pip install 'gemchain[serve]'" in done.stderr
