"""`--json` of init, dev and doctor: one value on stdout, for programs."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from gemchain.cli.app import app
from gemchain.cli.project import dev as dev_module
from gemchain.cli.project.checks import Finding


def run(*arguments, code=0):
    """The exit code is checked, and what stdout holds is read as one JSON value."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_init_names_every_file_with_what_it_did(tmp_path):
    data = run("init", tmp_path)
    assert data["dry_run"] is False
    actions = {each["path"]: each["action"] for each in data["files"]}
    assert actions["functions/main.py"] == actions["firebase.json"] == "write"
    assert (tmp_path / data["wheel"]).exists()
    again = {each["path"]: each["action"] for each in run("init", tmp_path)["files"]}
    assert set(again.values()) == {"leave"}


def test_a_dry_run_of_init_has_the_differences_without_the_keys_and_writes_nothing(tmp_path):
    data = run("init", tmp_path, "--dry-run")
    assert (data["dry_run"], data["wheel"]) == (True, None)
    diffs = {each["path"]: each["diff"] for each in data["files"]}
    assert "+from gemchain.firebase import" in diffs["functions/main.py"]
    assert "(drawn at random)" in diffs["functions/.secret.local"]
    assert list(tmp_path.iterdir()) == []


def test_what_init_leaves_to_do_is_listed_and_the_exit_code_is_1(tmp_path):
    (tmp_path / "storage.rules").write_text("service firebase.storage {")
    (todo,) = run("init", tmp_path, code=1)["to_do"]
    assert "match /gemchain/{all=**}" in todo


def test_doctor_lists_its_findings_and_counts_the_problems(monkeypatch, tmp_path):
    def findings(*_):
        yield Finding("project", True, "shop")
        yield Finding("billing", False, "it is off", "gcloud billing ...")

    monkeypatch.setattr("gemchain.cli.project.doctor._findings", findings)
    data = run("doctor", tmp_path, code=1)
    assert data["problems"] == 1
    assert data["findings"] == [
        {"name": "project", "good": True, "text": "shop", "fix": ""},
        {"name": "billing", "good": False, "text": "it is off", "fix": "gcloud billing ..."},
    ]


class Suite:
    """The emulators, as if they ran until somebody presses Ctrl-C."""

    project, log = "demo-gemchain", "firebase.log"

    def __init__(self, *_, listen, **__):
        self.listen = listen
        self.ports, self.variables = {"firestore": 8080}, {}

    def __enter__(self):
        self.listen("a line of the log")
        return self

    def __exit__(self, *_):
        pass

    @property
    def running(self):
        raise KeyboardInterrupt

    def url(self, name):
        return f"http://127.0.0.1/{name}"

    def function_url(self, name, region):
        return f"{self.url('functions')}/{region}/{name}"


@pytest.fixture
def emulators(monkeypatch, tmp_path):
    run("init", tmp_path)
    (tmp_path / "functions" / "venv").mkdir()
    monkeypatch.setattr(dev_module, "Suite", Suite)
    vertex = nullcontext(SimpleNamespace(url="http://127.0.0.1:8890"))
    monkeypatch.setattr("gemchain.emulators.vertex.server.VertexEmulator", lambda **_: vertex)
    monkeypatch.setattr(dev_module, "_firebase", lambda _: ["firebase"])
    monkeypatch.setattr(dev_module, "threading", SimpleNamespace(Event=lambda: SimpleNamespace(wait=id)))
    monkeypatch.setattr(dev_module.signal, "signal", lambda *_: None)
    return tmp_path


def test_dev_prints_one_line_with_the_addresses_and_the_log_on_stderr(emulators):
    done = CliRunner().invoke(app, ["dev", str(emulators), "--stand-in", "--json"])
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    data = json.loads(line)
    assert data["functions"] == "http://127.0.0.1/functions/demo-gemchain/us-central1"
    assert data["vertex"] == "http://127.0.0.1:8890"
    assert data["environment"] == {
        "FIRESTORE_EMULATOR_HOST": "127.0.0.1:8080",
        "STORAGE_EMULATOR_HOST": "http://127.0.0.1/storage",
        "GEMCHAIN_STORE": "firestore://demo-gemchain",
        "GEMCHAIN_BLOBS": "gs://demo-gemchain.appspot.com/gemchain",
    }
    assert "a line of the log" in done.stderr
    assert "Stopped." in done.stderr


def test_where_java_runs_dev_says_that_firestore_is_firebases_own(emulators, monkeypatch):
    monkeypatch.setattr(dev_module, "why_not_official", lambda: None)
    done = CliRunner().invoke(app, ["dev", str(emulators)])
    assert "Firestore is Firebase's own emulator, which runs on Java." in done.stdout
    assert "stand-in, in memory" not in done.stdout


def test_without_json_dev_says_in_words_which_firestore_it_uses_and_where_everything_is(emulators):
    done = CliRunner().invoke(app, ["dev", str(emulators), "--stand-in"])
    assert "Firestore is gemchain's own stand-in, in memory: asked for." in done.stdout
    assert "export GEMCHAIN_STORE=firestore://demo-gemchain" in done.stdout
