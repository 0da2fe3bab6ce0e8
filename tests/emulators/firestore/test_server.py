"""The emulator as a process and as a port: start, HTTP, stop."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core import exceptions

from gemchain.emulators.firestore import FirestoreEmulator

COMMAND = [sys.executable, "-m", "gemchain.emulators.firestore"]


def call(host, path, method="GET"):
    request = urllib.request.Request(f"http://{host}{path}", method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status, response.read().decode()


@pytest.fixture
def process():
    started = subprocess.Popen([*COMMAND, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.kill()
        started.communicate(timeout=10)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_interrupted(process, connect, project, stop):
    ready = process.stdout.readline()
    host = re.search(r"export FIRESTORE_EMULATOR_HOST=(127\.0\.0\.1:\d+)$", ready.strip())[1]
    db = connect(project, at=host)
    db.document("items/a").set({"n": 1})
    assert db.document("items/a").get().get("n") == 1
    assert call(host, f"/emulator/v1/projects/{project}/databases/(default)/documents", "DELETE")[0] == 200
    assert not db.document("items/a").get().exists
    assert (
        json.loads(call(host, f"/emulator/v1/projects/{project}/databases/(default)/counters")[1])["writes"]
        == 1
    )
    process.send_signal(stop)
    assert process.wait(timeout=10) == 0


def test_the_command_says_which_extra_is_missing(tmp_path):
    (tmp_path / "grpc.py").write_text("raise ImportError('no grpc here')")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.getcwd()])}  # noqa: PTH109
    result = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 1
    assert "pip install 'gemchain[firebase]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_command_says_that_the_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = subprocess.run(
            [*COMMAND, "--port", port], capture_output=True, text=True, timeout=30, check=False
        )
    assert result.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in result.stderr


def test_importing_gemchain_loads_no_grpc():
    code = (
        "import sys, gemchain, gemchain.emulators\n"
        "assert not {'grpc', 'google.cloud.firestore'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_clearing_over_http_deletes_the_documents_of_one_database(host, db, connect, project):
    other = connect(project, database="second")
    for client in (db, other):
        client.document("items/a").set({"n": 1})
        client.document("items/a/parts/p").set({"n": 1})
    assert call(host, f"/emulator/v1/projects/{project}/databases/(default)/documents", "DELETE")[0] == 200
    assert list(db.collections()) == []
    assert db.collection_group("parts").get() == []
    assert other.document("items/a").get().exists


def test_a_cleared_document_can_be_created_again(host, db, project):
    db.document("items/a").create({"n": 1})
    call(host, f"/emulator/v1/projects/{project}/databases/%28default%29/documents", "DELETE")
    db.document("items/a").create({"n": 2})
    assert db.document("items/a").get().get("n") == 2


def test_the_root_answers_ok(host):
    assert call(host, "/") == (200, "Ok\n")


def test_counters_can_be_read_over_http(emulator, own_db, project):
    own_db.document("items/a").set({})
    own_db.document("items/a").get()
    body = json.loads(call(emulator.host, f"/emulator/v1/projects/{project}/databases/(default)/counters")[1])
    assert body == {"reads": 1, "writes": 1, "deletes": 0, "rpcs": {"Commit": 1, "BatchGetDocuments": 1}}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/emulator/v1/projects/p/databases/d/documents", 405),
        ("DELETE", "/emulator/v1/projects/p/databases/d/counters", 405),
        ("POST", "/", 501),
    ],
)
def test_other_requests_are_refused(emulator, method, path, status):
    with pytest.raises(urllib.error.HTTPError) as refused:
        call(emulator.host, path, method)
    with refused.value as response:
        assert response.code == status


def test_one_connection_carries_several_http_requests(emulator):
    connection = http.client.HTTPConnection(emulator.host, timeout=10)
    for _ in range(3):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"Ok\n"
    connection.close()


def test_connections_that_say_nothing_or_vanish_do_no_harm(emulator, own_db):
    address = ("127.0.0.1", int(emulator.host.rpartition(":")[2]))
    for greeting in (b"", b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"nonsense\r\n\r\n"):
        with socket.create_connection(address) as connection:
            connection.sendall(greeting)
    own_db.document("items/a").set({})
    assert own_db.document("items/a").get().exists


def test_clearing_ends_the_transactions_under_way(emulator, own_db, project):
    transaction = own_db.transaction()
    transaction._begin()
    own_db.document("items/a").get(transaction=transaction)
    emulator.clear(project)
    transaction.set(own_db.document("items/a"), {})
    with pytest.raises(exceptions.InvalidArgument, match="expired"):
        transaction._commit()


def test_several_emulators_live_side_by_side(emulator, own_db, connect, project):
    own_db.document("items/a").set({"where": "first"})
    with FirestoreEmulator() as second:
        assert second.host != emulator.host
        assert not connect(project, at=second.host).document("items/a").get().exists


def test_a_stopped_emulator_frees_its_port(emulator):
    with FirestoreEmulator() as first:
        port = int(first.host.rpartition(":")[2])
    with FirestoreEmulator(port=port) as again:
        assert call(again.host, "/")[0] == 200


def test_many_clients_at_once(emulator, connect, project):
    clients = [connect(project, at=emulator.host) for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda client: client.collection("items").add({"n": 1}), clients))
    assert len(clients[0].collection("items").get()) == 12


def test_an_emulator_can_be_stopped_before_it_started_and_twice():
    emulator = FirestoreEmulator()
    emulator.stop()
    emulator.stop()
    with FirestoreEmulator() as started:
        started.stop()
