"""`gemchain config`: each setting's value and its source."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gemchain.settings import Settings

GEMCHAIN = Path(sys.executable).with_name("gemchain")


@pytest.fixture
def config(tmp_path):
    """Runs the command in the folder, at 80 columns, with these variables and no others of gemchain's."""

    def run(*arguments, **variables):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GEMCHAIN_")}
        environment = kept | {"COLUMNS": "80"} | variables
        command = [GEMCHAIN, "config", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return run


def row(output, name):
    return next(line.split() for line in output.splitlines() if line.startswith(f"{name} "))


def test_every_setting_is_shown_with_its_source_within_80_columns(config, tmp_path):
    (tmp_path / "gemchain.toml").write_text("lease = 9")
    told = config(GEMCHAIN_SIMULATED_TURNAROUND="2", GEMCHAIN_LOCATION="europe-west1")
    assert told.returncode == 0, told.stderr
    assert [name for name in Settings.names() if f"\n{name} " not in told.stdout] == []
    assert row(told.stdout, "lease") == ["lease", "9.0", "gemchain.toml"]
    assert row(told.stdout, "location") == ["location", "europe-west1", "GEMCHAIN_LOCATION"]
    assert row(told.stdout, "grace") == ["grace", "0.5", "default"]
    assert f"file: {tmp_path / 'gemchain.toml'}" in told.stdout
    table = told.stdout.partition("\n\n")[0]
    assert max(map(len, table.splitlines())) <= 80


def test_secrets_are_hidden(config):
    secret = "seventeen letters"
    for arguments in ((), ("--json",)):
        told = config(*arguments, GEMCHAIN_SIGNING_KEY=secret)
        assert secret not in told.stdout + told.stderr
        assert "(hidden)" in told.stdout


def test_json_has_values_sources_the_file_and_unknown_variables(config, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.gemchain]\nlease = 9")
    told = config("--json", GEMCHAIN_GRACE="2", GEMCHAIN_LAESE="1")
    data = json.loads(told.stdout)
    assert list(data["settings"]) == Settings.names()
    path = str(tmp_path / "pyproject.toml")
    assert data["settings"]["lease"] == {"value": 9.0, "source": "file", "place": path}
    assert data["settings"]["grace"] == {"value": 2.0, "source": "environment", "place": "GEMCHAIN_GRACE"}
    assert data["file"] == path
    assert data["unknown"] == {"GEMCHAIN_LAESE": "GEMCHAIN_LEASE"}


def test_a_chains_file_shows_what_it_gives_to_configure(config, tmp_path):
    (tmp_path / "chains.py").write_text("import gemchain\ngemchain.configure(grace=3)\n")
    told = config("chains.py", GEMCHAIN_GRACE="2")
    assert row(told.stdout, "grace") == ["grace", "3.0", "configure()"]
    assert row(told.stdout, "application")[-2:] == ["command", "line"]
    assert row(config(GEMCHAIN_GRACE="2").stdout, "grace") == ["grace", "2.0", "GEMCHAIN_GRACE"]


def test_without_a_file_the_folders_are_named_and_no_state_is_made(config, tmp_path):
    told = config()
    assert (
        f"no file: neither gemchain.toml nor [tool.gemchain] in pyproject.toml in {tmp_path}" in told.stdout
    )
    assert list(tmp_path.iterdir()) == []


def test_unknown_variables_are_named_once(config):
    told = config(GEMCHAIN_LAESE="1")
    assert told.stderr.count("GEMCHAIN_LAESE") == 1
    assert "did you mean GEMCHAIN_LEASE?" in told.stderr


def test_a_wrong_file_is_a_short_error(config, tmp_path):
    (tmp_path / "gemchain.toml").write_text("leese = 9")
    told = config()
    assert told.returncode == 2
    assert told.stderr.splitlines() == [
        f"✗ {tmp_path / 'gemchain.toml'}: no setting is called 'leese'; did you mean 'lease'?"
    ]


def test_run_and_status_use_the_state_that_the_file_names(config, tmp_path):
    (tmp_path / "gemchain.toml").write_text('state = "kept"\ngrace = 0\npoll = 0.05\n')
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "chains.py").write_text("def start(n: int) -> int:\n    return n\n")
    (tmp_path / "rows.jsonl").write_text('{"n": 1}\n')
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GEMCHAIN_")}
    command = [GEMCHAIN, "run", "app/chains.py:start", "-i", "rows.jsonl", "-o", "out.jsonl"]
    subprocess.run(command, cwd=tmp_path, env=kept, check=True, capture_output=True)
    assert (tmp_path / "kept" / "gemchain.db").exists()
    told = subprocess.run(
        [GEMCHAIN, "chains", "--json"], cwd=tmp_path, env=kept, check=True, capture_output=True, text=True
    )
    assert len(json.loads(told.stdout)) == 1
