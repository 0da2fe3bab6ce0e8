"""`gemchain init`: a codebase of one's own, in an empty folder and beside what is there."""

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


def test_the_requirements_name_a_wheel_that_is_there_and_that_python_can_import(init, tmp_path):
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


def test_the_signing_key_is_drawn_anew_for_everybody_and_never_replaced(init, tmp_path):
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


def test_a_project_that_is_there_keeps_its_own_and_gets_a_codebase_beside_it(init, tmp_path):
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
    said = init()
    assert main.read_text() == "import gemchain  # mine"
    assert "main.py is there and stays as it is" in said


def test_keys_that_a_later_gemchain_needs_are_added_beside_those_that_are_there(init, tmp_path):
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


def test_rules_that_are_there_are_kept_and_gemchains_put_into_them_once(init, tmp_path):
    path = tmp_path / "firestore.rules"
    path.write_text(THEIR_RULES)
    assert "merge  firestore.rules" in init()
    merged = path.read_text()
    ours = [line for line in merged.splitlines(keepends=True) if "gemchain" in line]
    assert "".join(line for line in merged.splitlines(keepends=True) if line not in ours) == THEIR_RULES
    assert any("match /gemchain_prompts/{all=**} { allow read, write: if false; }" in line for line in ours)
    init()
    assert path.read_text() == merged


def test_a_dry_run_shows_what_would_be_put_into_the_rules(init, tmp_path):
    (tmp_path / "firestore.rules").write_text(THEIR_RULES)
    assert "+    match /gemchain_chains/{all=**} { allow read, write: if false; }" in init("--dry-run")
    assert (tmp_path / "firestore.rules").read_text() == THEIR_RULES


def test_rules_that_open_everything_are_reported_with_their_path_and_an_exit_code(tmp_path):
    wide = THEIR_RULES.replace("/shoes/{shoe}", "/{any=**}")
    (tmp_path / "firestore.rules").write_text(wide)
    done = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert done.exit_code == 1
    assert "narrow the rules of `match /databases/{database}/documents/{any=**}`" in done.output
    assert (tmp_path / "functions" / "main.py").exists()


def test_rules_that_cannot_be_understood_stay_and_the_lines_to_paste_are_printed(tmp_path):
    path = tmp_path / "storage.rules"
    path.write_text("service firebase.storage {")
    done = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert done.exit_code == 1
    assert path.read_text() == "service firebase.storage {"
    assert "match /gemchain/{all=**} { allow read, write: if false; }" in done.output


def test_other_names_for_collections_and_folder_reach_indexes_and_rules(init, tmp_path):
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


def test_the_files_that_firebase_json_names_are_the_ones_that_are_merged(init, tmp_path):
    (tmp_path / "firebase.json").write_text('{"firestore": {"rules": "mine.rules", "indexes": "mine.json"}}')
    (tmp_path / "mine.rules").write_text(THEIR_RULES)
    init()
    assert "gemchain_prompts" in (tmp_path / "mine.rules").read_text()
    assert "gemchain_prompts" in (tmp_path / "mine.json").read_text()
    assert not (tmp_path / "firestore.rules").exists()


def test_a_firebase_json_that_is_none_is_refused_in_a_line(tmp_path):
    (tmp_path / "firebase.json").write_text("{")
    done = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert done.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["firebase.json"]


def test_an_older_wheel_makes_room_for_the_installed_one(init, tmp_path):
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


def test_a_run_that_was_cut_off_is_finished_by_the_next(init, tmp_path):
    init()
    whole = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    for name in ("functions/requirements.txt", "firestore.indexes.json", "firebase.json"):
        (tmp_path / name).unlink()
    before = (tmp_path / "functions" / ".secret.local").read_text()
    init()
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()} == whole
    assert (tmp_path / "functions" / ".secret.local").read_text() == before
