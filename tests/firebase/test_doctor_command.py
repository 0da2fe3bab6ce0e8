"""The command `gemchain doctor`: its setup, its output, and what it finds in the records."""

import os
import sys

import pytest
from typer.testing import CliRunner

import gemchain
from gemchain.cli.app import app
from gemchain.cli.project.checks import Finding
from gemchain.cli.project.doctor import check_store, setup_of
from gemchain.emulators.firestore import FirestoreEmulator
from gemchain.testing import embedded
from tests.cloud_storage import EmulatorOfFirebase
from tests.firebase.fake_cloud import SETUP


def test_in_the_emulators_skipped_checks_are_named_with_the_reason(monkeypatch, tmp_path):
    with FirestoreEmulator() as firestore, EmulatorOfFirebase() as storage:
        address = {"FIRESTORE_EMULATOR_HOST": firestore.host, "STORAGE_EMULATOR_HOST": storage.url}
        done = CliRunner().invoke(app, ["doctor", str(tmp_path)], env=address)
    assert done.exit_code == 0, done.output
    assert "roles and callers: skipped: the emulators let everybody in" in done.output
    assert "indexes, expiry (TTL): skipped" in done.output
    assert "PARKED: nothing waits for a person" in done.output


def test_parked_prompts_are_counted_by_their_reason(tmp_path):
    (tmp_path / "passing.py").write_text("import gemchain\ndef after(response): pass\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        with embedded(tmp_path / "state", application=str(tmp_path)) as engine:
            import passing

            gemchain.submit("one", "simulated/x", passing.after)
            assert [each.good for each in check_store(engine.runtime.store)] == [True]
            (tmp_path / "passing.py").write_text("")
            del passing.after
            engine.runtime.continuations._functions.clear()
            engine.run()
            (finding,) = check_store(engine.runtime.store)
    assert finding.good is False
    assert "1 prompt waits for a person" in finding.text
    assert "after" in finding.text
    assert "gemchain retry" in finding.fix


def test_the_setup_is_read_from_the_codebase(tmp_path):
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / ".env").write_text("# here\nGEMCHAIN_REGION=europe-west1\n")
    (tmp_path / "functions" / ".env.shop").write_text("GEMCHAIN_BUCKET=shop-files\n")
    assert setup_of(tmp_path, "shop") == SETUP


def test_without_credentials_the_command_to_get_them_is_printed(tmp_path):
    missing = {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json")}
    done = CliRunner().invoke(app, ["doctor", str(tmp_path)], env={**os.environ, **missing})
    assert done.exit_code == 1
    assert "gcloud auth application-default login" in done.output


def test_control_characters_of_records_and_services_do_not_reach_the_terminal(monkeypatch, tmp_path):
    def findings(*_):
        yield Finding("PARKED", False, "1 prompt waits: \x1b[2J\x07", "fix \x1b]0;owned\x07")

    monkeypatch.setattr("gemchain.cli.project.doctor._findings", findings)
    output = CliRunner().invoke(app, ["doctor", str(tmp_path)]).output
    assert "1 prompt waits: \\x1b[2J" in output
    assert all(each.isprintable() or each == "\n" for each in output)


def test_without_its_packages_the_fix_is_the_command_that_installs_them(monkeypatch, tmp_path):
    for name in ("FIRESTORE_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "google.auth", None)
    (tmp_path / "firebase.json").write_text("{}")
    done = CliRunner().invoke(app, ["doctor", str(tmp_path)])
    assert done.exit_code == 1
    assert "    pip install 'gemchain[firebase]'\n" in done.output
    assert "gcloud" not in done.output
