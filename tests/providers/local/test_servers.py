"""The life of a model's server: one for all, until the last user is gone, however it goes."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gemchain.errors import ConfigurationError
from gemchain.providers.local.locks import FileLock
from gemchain.providers.local.model_files import SMOLLM2, model_file
from gemchain.providers.local.servers import ModelServer, runtime_folder

ROOT = Path(__file__).parents[3]

USER = """
import sys
from gemchain.providers.local.model_files import model_file
from gemchain.providers.local.servers import ModelServer
server = ModelServer(model_file("smollm2"), slots=1, context=256)
print(server.open().pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def make_server():
    made = []

    def make():
        made.append(ModelServer(model_file(SMOLLM2), slots=1, context=256))
        return made[-1]

    yield make
    for each in made:
        each.close()
    for each in made:
        wait_for_end(each)


@pytest.fixture
def user():
    command = [sys.executable, "-c", USER]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def lock(server):
    return FileLock(server.log.with_suffix(".server"))


def wait_for_end(server):
    """Wait until no process serves: the lock that a server holds for its life can be had."""
    held = lock(server)
    held.seize()
    held.close()


def test_two_users_share_one_server_which_ends_with_the_second(make_server):
    first, second = make_server(), make_server()
    address = first.open()
    assert second.open() == address
    first.close()
    assert second.alive(address)
    second.close()
    wait_for_end(first)
    assert not second.alive(address)


def test_users_who_come_at_the_same_time_start_one_server(make_server):
    servers, addresses = [make_server() for _ in range(4)], []
    threads = [threading.Thread(target=lambda each=each: addresses.append(each.open())) for each in servers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(addresses) == 4
    assert len(set(addresses)) == 1


def test_a_server_ends_when_its_user_is_killed(user, make_server):
    pid = int(user.stdout.readline())
    os.kill(pid, 0)
    user.kill()
    user.wait()
    wait_for_end(make_server())


def test_a_server_goes_on_for_others_when_the_user_who_started_it_is_killed(user, make_server):
    pid, server = int(user.stdout.readline()), make_server()
    address = server.open()
    assert address.pid == pid
    user.kill()
    user.wait()
    assert server.alive(address)


def test_a_server_that_was_killed_is_replaced(make_server):
    server = make_server()
    before = server.open()
    os.kill(before.pid, signal.SIGKILL)
    wait_for_end(server)
    assert not server.alive(before)
    after = server.open()
    assert after.pid != before.pid
    assert server.alive(after)


def test_a_file_that_only_begins_like_a_model_gives_the_last_lines_of_the_log(tmp_path):
    path = tmp_path / "cut.gguf"
    path.write_bytes(model_file(SMOLLM2).read_bytes()[:1_000_000])
    server = ModelServer(path, slots=1, context=256)
    with pytest.raises(ConfigurationError, match=r"cannot serve .*cut\.gguf") as refused:
        server.open()
    server.close()
    said = str(refused.value).splitlines()
    assert str(server.log) in said[0]
    assert any("failed to load model" in line for line in said[1:])
    assert len(said) <= 9


def test_a_folder_that_others_may_read_is_refused(tmp_path):
    runtime_folder().chmod(0o755)
    with pytest.raises(ConfigurationError, match="is not yours alone"):
        runtime_folder()
