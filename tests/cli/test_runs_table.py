"""`gemchain runs` on 80 columns: ids and chains are whole, and everything open says how it continues."""

import os
import subprocess
import sys

from gemchain.records import Run
from gemchain.testing import embedded
from tests.cli.conftest import CHAIN
from tests.cli.test_status import SCRIPT

AT_80 = {"COLUMNS": "80"}


def test_ids_and_chains_are_whole_when_file_names_are_long(cli):
    long = "a_file_with_quite_a_long_name_that_says_what_is_in_it_and_for_whom"
    (cli.folder / f"chain_{long}.py").write_text(CHAIN, encoding="utf-8")
    cli.rows({"topic": "a"}, name=f"{long}.jsonl")
    cli.run(f"chain_{long}.py:start", f"{long}.jsonl")
    (run,) = cli.json("runs")
    said = cli("runs", env=AT_80).stdout
    head, row = said.splitlines()
    assert row.startswith(f"{run['id']}  1 done  ")
    assert max(len(head), len(row)) <= 80
    assert row.endswith(f"{long}.jsonl"[-20:])


def test_what_a_program_started_says_how_it_continues(cli):
    (cli.folder / "chain_script.py").write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "chain_script.py"],
        check=False,
        cwd=cli.folder,
        env=os.environ | AT_80,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    command = 'GEMCHAIN_PROGRAM=chain_script python -c "import gemchain; gemchain.run()"'
    assert f"chain_script continues with:  {command}\n" in cli("runs", env=AT_80).stdout


def test_runs_without_chains_stand_only_when_there_is_nothing_else(cli):
    cli.rows({"topic": "a"})
    name = cli.module()
    cli.run(f"{name}:start", "rows.jsonl", "out.jsonl", "--timeout", "0")
    (run,) = cli.json("runs")
    with embedded(cli.folder / ".gemchain", application=str(cli.folder)) as engine:
        store = engine.runtime.store
        now = store.now()
        store.save_run(Run(id="rempty", function="x.py:go", command="x", created_at=now, begun_at=now))
    assert [each["id"] for each in cli.json("runs")] == [run["id"]]
    assert "none" not in cli("runs", env=AT_80).stdout
