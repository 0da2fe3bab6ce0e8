"""`gemchain init` in an empty folder, and in a project that exists."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gemchain.cli.app import app
from tests.firebase import kit


@pytest.fixture
def init(tmp_path):
    def run(*options):
        done = CliRunner().invoke(app, ["init", str(tmp_path), *options])
        assert done.exit_code == 0, done.output
        return done.output

    return run


def test_an_empty_folder_gets_the_codebase_that_this_repository_tests(init, tmp_path):
    init()
    for name in ("main.py", "articles.py", ".env", ".env.local"):
        assert (tmp_path / "functions" / name).read_text() == (kit.FUNCTIONS / name).read_text(), name
    for name in ("firestore.rules", "storage.rules"):
        assert (tmp_path / name).read_text() == (kit.REPOSITORY / name).read_text(), name
    ours = json.loads((kit.REPOSITORY / "firestore.indexes.json").read_text())
    assert json.loads((tmp_path / "firestore.indexes.json").read_text()) == ours


def test_the_requirements_name_a_wheel_that_exists_and_can_be_imported(init, tmp_path):
    init()
    requirement = (tmp_path / "functions" / "requirements.txt").read_text().strip()
    wheel = tmp_path / "functions" / requirement.removesuffix("[firebase]")
    with zipfile.ZipFile(wheel) as inside:
        names = inside.namelist()
    assert "gemchain/firebase/__init__.py" in names
    assert "gemchain/cli/project/codebase/main.py.txt" in names
    program = "import gemchain, sys; print(gemchain.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(wheel)!r}); {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(wheel))


def test_every_project_gets_its_own_signing_key_and_it_is_never_replaced(init, tmp_path):
    init()
    path = tmp_path / "functions" / ".secret.local"
    first = path.read_text()
    init()
    assert path.read_text() == first
    path.unlink()
    init()
    assert path.read_text() != first


def test_a_second_run_changes_nothing(init, tmp_path):
    init()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert "note" not in init()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_dry_run_shows_every_line_but_the_key_and_writes_nothing(init, tmp_path):
    shown = init("--dry-run")
    assert "+++ firebase.json" in shown
    assert "+from gemchain.firebase import" in shown
    assert "GEMCHAIN_SIGNING_KEY=(drawn at random)" in shown
    assert list(tmp_path.iterdir()) == []


def test_an_existing_project_keeps_its_files_and_gets_a_second_codebase(init, tmp_path):
    theirs = {
        "hosting": {"public": "site"},
        "functions": {"source": "functions", "runtime": "nodejs22"},
        "firestore": {"rules": "mine.rules", "indexes": "firestore.indexes.json"},
        "emulators": {"functions": {"port": 6001}},
    }
    (tmp_path / "firebase.json").write_text(json.dumps(theirs))
    index = {"collectionGroup": "shoes", "fields": [{"fieldPath": "size", "order": "ASCENDING"}]}
    (tmp_path / "firestore.indexes.json").write_text(json.dumps({"indexes": [index]}))
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "index.js").write_text("// mine")
    init()
    config = json.loads((tmp_path / "firebase.json").read_text())
    assert config["hosting"] == theirs["hosting"]
    assert config["functions"][0] == theirs["functions"]
    assert config["functions"][1]["source"] == "functions-gemchain"
    assert config["functions"][1]["codebase"] == "gemchain"
    assert config["firestore"] == theirs["firestore"]
    assert config["emulators"]["functions"] == {"port": 6001}
    indexes = json.loads((tmp_path / "firestore.indexes.json").read_text())
    assert index in indexes["indexes"]
    assert any(each["collectionGroup"] == "gemchain_prompts" for each in indexes["fieldOverrides"])
    assert [path.name for path in (tmp_path / "functions").iterdir()] == ["index.js"]
    assert (tmp_path / "functions-gemchain" / "main.py").exists()


def test_files_that_differ_are_kept_and_named(init, tmp_path):
    init()
    main = tmp_path / "functions" / "main.py"
    main.write_text("import gemchain  # mine")
    output = init()
    assert main.read_text() == "import gemchain  # mine"
    assert "main.py is there and stays as it is" in output


def test_missing_keys_are_added_to_the_existing_ones(init, tmp_path):
    secrets = tmp_path / "functions" / ".secret.local"
    secrets.parent.mkdir()
    (secrets.parent / "main.py").write_text("import gemchain")
    secrets.write_text("GEMCHAIN_SIGNING_KEY=mine\nOTHER=theirs")
    init()
    lines = secrets.read_text().splitlines()
    assert lines[:2] == ["GEMCHAIN_SIGNING_KEY=mine", "OTHER=theirs"]
    assert len(lines) == 3
    assert lines[2].startswith("GEMCHAIN_START_KEY=")


THEIR_RULES = """rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    match /shoes/{shoe} {
      allow read: if true;
    }
  }
}
"""


def test_existing_rules_are_kept_and_gemchains_lines_are_added_once(init, tmp_path):
    path = tmp_path / "firestore.rules"
    path.write_text(THEIR_RULES)
    assert "merge  firestore.rules" in init()
    merged = path.read_text()
    ours = [line for line in merged.splitlines(keepends=True) if "gemchain" in line]
    assert "".join(line for line in merged.splitlines(keepends=True) if line not in ours) == THEIR_RULES
    assert any("match /gemchain_prompts/{all=**} { allow read, write: if false; }" in line for line in ours)
    init()
    assert path.read_text() == merged


def test_a_dry_run_shows_the_lines_that_would_be_added_to_the_rules(init, tmp_path):
    (tmp_path / "firestore.rules").write_text(THEIR_RULES)
    assert "+    match /gemchain_chains/{all=**} { allow read, write: if false; }" in init("--dry-run")
    assert (tmp_path / "firestore.rules").read_text() == THEIR_RULES


def test_rules_that_open_everything_are_reported_with_their_path_and_exit_code_1(tmp_path):
    wide = THEIR_RULES.replace("/shoes/{shoe}", "/{any=**}")
    (tmp_path / "firestore.rules").write_text(wide)
    done = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert done.exit_code == 1
    assert "narrow the rules of `match /databases/{database}/documents/{any=**}`" in done.output
    assert (tmp_path / "functions" / "main.py").exists()


def test_rules_that_cannot_be_parsed_are_kept_and_the_lines_to_paste_are_printed(tmp_path):
    path = tmp_path / "storage.rules"
    path.write_text("service firebase.storage {")
    done = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert done.exit_code == 1
    assert path.read_text() == "service firebase.storage {"
    assert "match /gemchain/{all=**} { allow read, write: if false; }" in done.output


def test_indexes_and_rules_use_the_configured_collections_and_folder(init, tmp_path):
    source = tmp_path / "functions"
    source.mkdir()
    (source / "main.py").write_text("import gemchain")
    (source / ".env").write_text("GEMCHAIN_PREFIX=batches\n")
    (source / ".env.shop").write_text("GEMCHAIN_STORE=firestore://shop/(default)?prefix=chains\n")
    (tmp_path / "firestore.rules").write_text(THEIR_RULES)
    (tmp_path / "storage.rules").write_text("service firebase.storage {\n  match /b/{b}/o {\n  }\n}\n")
    init()
    assert "/chains_prompts/{all=**}" in (tmp_path / "firestore.rules").read_text()
    assert "    match /batches/{all=**}" in (tmp_path / "storage.rules").read_text()
    names = json.loads((tmp_path / "firestore.indexes.json").read_text())["fieldOverrides"]
    assert {each["collectionGroup"].partition("_")[0] for each in names} == {"chains"}


def test_the_files_that_firebase_json_names_are_merged(init, tmp_path):
    (tmp_path / "firebase.json").write_text('{"firestore": {"rules": "mine.rules", "indexes": "mine.json"}}')
    (tmp_path / "mine.rules").write_text(THEIR_RULES)
    init()
    assert "gemchain_prompts" in (tmp_path / "mine.rules").read_text()
    assert "gemchain_prompts" in (tmp_path / "mine.json").read_text()
    assert not (tmp_path / "firestore.rules").exists()


def test_a_broken_firebase_json_is_refused(tmp_path):
    (tmp_path / "firebase.json").write_text("{")
    done = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert done.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["firebase.json"]


def test_an_older_wheel_is_replaced_by_the_installed_version(init, tmp_path):
    init()
    functions = tmp_path / "functions"
    (functions / "vendor" / "gemchain-0.0.1-py3-none-any.whl").touch()
    (functions / "requirements.txt").write_text("pillow\n./vendor/gemchain-0.0.1-py3-none-any.whl[firebase]")
    init()
    wheels = [path.name for path in (functions / "vendor").iterdir()]
    assert len(wheels) == 1
    lines = (functions / "requirements.txt").read_text().splitlines()
    assert lines == ["pillow", f"./vendor/{wheels[0]}[firebase]"]
    assert Path(functions / "vendor" / wheels[0]).stat().st_size > 0


def test_the_next_run_finishes_a_run_that_was_cut_off(init, tmp_path):
    init()
    whole = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    for name in ("functions/requirements.txt", "firestore.indexes.json", "firebase.json"):
        (tmp_path / name).unlink()
    before = (tmp_path / "functions" / ".secret.local").read_text()
    init()
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()} == whole
    assert (tmp_path / "functions" / ".secret.local").read_text() == before
