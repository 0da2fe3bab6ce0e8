"""Fixtures: a folder with a chain, and the command line to run it."""

import importlib
import itertools
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gemchain.cli.app import app

CHAIN = """
import gemchain

MODEL = "simulated/gemini-3.5-flash-lite"


def start(topic):
    gemchain.submit(f"Summarise: {topic}", MODEL, middle, params={"topic": topic})


def middle(response, topic):
    gemchain.submit(f"Give a title: {response.text}", MODEL, finish, params={"topic": topic})


def finish(response, topic):
    return {"topic": topic, "title": response.text}
"""

_numbers = itertools.count()


class CommandLine:
    """The command line, run in a folder of one test. Its modules have unique names."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.runner = CliRunner()

    def module(self, source=CHAIN, **replaced):
        """Write a file with a chain; returns its name."""
        for old, new in replaced.items():
            source = source.replace(old, new)
        name = f"chain_{next(_numbers)}.py"
        (self.folder / name).write_text(source, encoding="utf-8")
        return name

    def rewrite(self, name, source):
        """Replace a file, as a deploy does: the next run imports the new text under the same name."""
        (self.folder / name).write_text(source, encoding="utf-8")
        sys.modules.pop(name.removesuffix(".py"), None)
        importlib.invalidate_caches()

    def rows(self, *rows, name="rows.jsonl"):
        """Write a JSONL file: a text is written as a line, another value as JSON; returns its name."""
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return name

    def __call__(self, *arguments, **options):
        """Run a command."""
        return self.runner.invoke(app, [str(each) for each in arguments], **options)

    def run(self, target=None, rows="rows.jsonl", output="out.jsonl", *more):
        """Run `gemchain run` with the usual files."""
        return self("run", target or f"{self.module()}:start", "--input", rows, "--output", output, *more)

    def results(self, name="out.jsonl"):
        """The results, line by line."""
        return [json.loads(line) for line in (self.folder / name).read_text(encoding="utf-8").splitlines()]

    def json(self, *arguments):
        """What a command prints with `--json`."""
        done = self(*arguments, "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def cli(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GEMCHAIN_GRACE", "0")
    monkeypatch.setenv("GEMCHAIN_POLL", "0.01")
    monkeypatch.setenv("GEMCHAIN_RETRY_DELAY", "0")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield CommandLine(tmp_path)
    for name in set(sys.modules) - before:
        if name.startswith("chain_"):
            del sys.modules[name]


@pytest.fixture
def ran(cli):
    """A state with three chains that have keys and are done, with results, batches and files."""
    cli.rows(*({"id": name, "topic": f"{name} is a letter."} for name in "abc"))
    assert cli.run().exit_code == 0
    return cli
