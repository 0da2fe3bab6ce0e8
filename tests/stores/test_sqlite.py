"""The contract on SQLite, and what only SQLite has: a file, a schema, a disk.

Longer than 300 lines: all that holds for SQLite alone.
"""

import json
import multiprocessing
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from gemchain.errors import (
    NewerSchemaError,
    StoreError,
    StoreFullError,
    StoreRefusedError,
    StoreUnavailableError,
)
from gemchain.records import Unit
from gemchain.records.states import BatchState, ChainState, PromptState
from gemchain.stores.sqlite import MEMORY, SqliteStore
from gemchain.stores.sqlite.connection import SCHEMA_VERSION
from gemchain.testing import VirtualClock
from tests.contracts.store_contract import StoreContract
from tests.contracts.store_samples import APPLIED, Samples, ids

P = PromptState
STATES = Path(__file__).parents[1] / "states"


def open_file(path: str) -> SqliteStore:
    return SqliteStore(path, VirtualClock())


def open_and_count(path: str) -> int:
    store = open_file(path)
    try:
        return store.counters().prompts.get(P.QUEUED, 0)
    finally:
        store.close()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state" / "gemchain.db")


@pytest.fixture
def file_store(path, clock):
    store = SqliteStore(path, clock)
    yield store
    store.close()


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def store(self, file_store):
        return file_store

    @pytest.fixture
    def elsewhere(self, file_store, path):
        return partial(open_file, path)


@pytest.fixture
def given(file_store, clock):
    return Samples(file_store, clock)


def test_a_store_in_memory_keeps_the_contract_too(clock):
    store = SqliteStore(MEMORY, clock)
    given = Samples(store, clock)
    (prompt,) = given.claimed("p1")
    given.move(prompt, P.DONE, "p2")
    assert store.counters().prompts == {P.DONE: 1, P.QUEUED: 1}
    store.close()


@pytest.mark.parametrize(
    ("free", "pages"), [(1 << 40, 16_000), (96 << 20, 3_072), (20 << 20, 1_000), (0, 1_000)]
)
def test_the_log_does_not_fill_a_small_disk_by_itself(path, clock, monkeypatch, free, pages):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    store = SqliteStore(path, clock)
    assert store._db.row("PRAGMA wal_autocheckpoint") == (pages,)
    store.close()


def test_two_stores_in_memory_share_nothing(clock):
    one, two = SqliteStore(MEMORY, clock), SqliteStore(MEMORY, clock)
    Samples(one, clock).queue("p1")
    assert two.prompts(["p1"]) == {}
    one.close()
    two.close()


def test_a_newer_schema_is_refused_with_both_versions_and_the_way_out(path):
    open_file(path).close()
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 6}")
    newer.close()
    with pytest.raises(NewerSchemaError) as caught:
        open_file(path)
    for part in (path, f"schema {SCHEMA_VERSION + 6}", f"up to {SCHEMA_VERSION}", "upgrade gemchain"):
        assert part in str(caught.value)


def test_a_schema_from_before_the_first_release_is_refused_with_the_way_out(path):
    open_file(path).close()
    older = sqlite3.connect(path)
    older.execute("PRAGMA user_version = 1")
    older.close()
    with pytest.raises(StoreError, match=f"schema 1, .* needs {SCHEMA_VERSION}: .*another state folder"):
        open_file(path)


@pytest.fixture(params=[2, 3])
def older(request, path):
    """A file of an older schema, with records: that of schema 3 was made by gemchain before runs."""
    told = json.loads((STATES / "before-rooms-sqlite.json").read_text(encoding="utf-8"))[0]
    Path(path).parent.mkdir(parents=True)
    database = sqlite3.connect(path)
    database.executescript("\n".join(told["records"]))
    if request.param == 2:
        database.execute("ALTER TABLE prompts DROP COLUMN rules")
        database.execute("PRAGMA user_version = 2")
    database.close()
    return path


def schema_of(path):
    """The tables with their columns, and the indexes."""
    database = sqlite3.connect(path)
    tables = {
        name: {(row[1], row[2], row[3]) for row in database.execute(f"PRAGMA table_xinfo({name})")}
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    indexes = {
        sql for (sql,) in database.execute("SELECT sql FROM sqlite_master WHERE type = 'index'") if sql
    }
    database.close()
    return tables, indexes


def test_a_file_of_an_older_schema_gets_what_it_lacks_and_keeps_what_it_has(older, tmp_path, clock):
    store = open_file(older)
    before = store.counters()
    assert before.prompts[PromptState.QUEUED] == 9
    assert store.owned_by({""}).counters() == before
    assert {queue.ready for queue in store.queues()} == {9}
    Samples(store, clock).queue("p2", rules="{}", owner="mine")
    assert store.prompts(["p2"])["p2"].rules == "{}"
    assert store.owned_by({"mine"}).counters().prompts == {PromptState.QUEUED: 1}
    store.close()
    open_file(older).close()
    fresh = str(tmp_path / "fresh" / "gemchain.db")
    open_file(fresh).close()
    assert schema_of(older) == schema_of(fresh)


def test_a_process_of_before_stops_and_loses_nothing_when_the_file_is_upgraded(older):
    """Going on, it would not keep the counters of owners."""
    process = sqlite3.connect(older)
    process.execute("SELECT count(*) FROM tallies")
    open_file(older).close()
    with pytest.raises(sqlite3.OperationalError, match="no such table: tallies"):
        process.execute("UPDATE tallies SET value = value + 1")
    process.close()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to look like one to a careless reader. " * 20)
    with pytest.raises(StoreError, match=r"notes\.txt"):
        open_file(str(path))
    assert path.read_text().startswith("not a database")


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path):
    path = str(tmp_path / "other.db")
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    with pytest.raises(StoreError, match="another program"):
        open_file(path)
    other = sqlite3.connect(path)
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]
    other.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreRefusedError, match="in-it"):
        open_file(str(tmp_path / "file" / "in-it" / "gemchain.db"))


def test_a_path_that_is_a_folder_is_named(tmp_path):
    with pytest.raises(StoreRefusedError, match=tmp_path.name):
        open_file(str(tmp_path))


def test_a_full_disk_says_so_and_leaves_nothing_half_written(given, file_store):
    given.queue("p1")
    seen = file_store.counters()
    (pages,) = file_store._db.row("PRAGMA page_count")
    file_store._db.row(f"PRAGMA max_page_count = {pages + 2}")
    units = [given.start_unit(f"c{n}", f"x{n}", params="x" * 1000) for n in range(200)]
    with pytest.raises(StoreFullError, match=r"no room.*gemchain|gemchain.*no room"):
        file_store.commit(units)
    assert file_store.counters() == seen
    assert file_store.prompts([f"x{n}" for n in range(200)]) == {}
    file_store._db.row("PRAGMA max_page_count = 1000000")
    assert file_store.commit(units) == [APPLIED] * 200


def test_a_full_disk_in_the_middle_of_single_units_leaves_nothing_half_written(given, file_store):
    given.start("c7")
    (pages,) = file_store._db.row("PRAGMA page_count")
    file_store._db.row(f"PRAGMA max_page_count = {pages + 2}")
    units = [given.start_unit(f"c{n}", f"x{n}", params="x" * 1000) for n in range(200)]
    units[7] = replace(units[7], token="foreign")
    with pytest.raises(StoreFullError):
        file_store.commit(units)
    file_store._db.row("PRAGMA max_page_count = 1000000")
    verdicts = file_store.commit(units)
    assert [n for n, verdict in enumerate(verdicts) if verdict is not APPLIED] == [7]
    assert file_store.counters().prompts == {P.QUEUED: 199}


def test_a_file_that_another_process_holds_is_unavailable(path, clock):
    store = SqliteStore(path, clock, timeout=0)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match=r"gemchain\.db.*locked"):
        store.settle([])
    assert store.list_chains() == []
    holder.execute("ROLLBACK")
    holder.close()
    store.settle([])
    store.close()


def test_a_closed_store_says_so(file_store):
    file_store.close()
    file_store.close()
    with pytest.raises(StoreError, match="closed"):
        file_store.counters()


def test_text_that_utf8_cannot_spell_is_refused_and_nothing_is_written(given, file_store):
    with pytest.raises(StoreError):
        file_store.commit([given.start_unit("c1", "p1"), given.start_unit("c2", "half \ud800")])
    assert file_store.counters().prompts == {}


def test_prompts_of_a_chain_that_is_not_recorded_are_refused(given, file_store):
    unit = replace(given.start_unit("c1", "p1"), chain=None)
    with pytest.raises(StoreError, match="'c1'"):
        file_store.commit([unit])
    assert file_store.prompts(["p1"]) == {}


def test_a_rolled_back_queue_or_batch_is_not_remembered(given, file_store):
    file_store._db.row("PRAGMA max_page_count = 1")
    with pytest.raises(StoreFullError):
        given.queue(*(f"p{n}" for n in range(300)), model="new")
    file_store._db.row("PRAGMA max_page_count = 1000000")
    given.queue("other", model="other")
    given.queue("p1", model="new")
    assert {each.queue.rpartition(":")[2] for each in file_store.queues()} == {"new", "other"}
    assert given.claim(given.plan(model="new")) == ["p1"]


def test_processes_that_open_a_new_file_together_all_succeed(tmp_path):
    path = str(tmp_path / "new.db")
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.map(open_and_count, [path] * 12, chunksize=1) == [0] * 12


def test_threads_share_one_store(given, file_store):
    def start(n):
        return file_store.commit([given.start_unit(f"c{n}", f"p{n}")])

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(start, range(100))) == [[APPLIED]] * 100
    assert file_store.counters().prompts == {P.QUEUED: 100}


def test_readers_do_not_wait_for_a_writer(path, given):
    given.queue("p1")
    other = SqliteStore(path, VirtualClock(), timeout=0)
    with given.store._db.transaction():
        assert other.prompts(["p1"]).keys() == {"p1"}
        assert other.counters().prompts == {P.QUEUED: 1}
    other.close()


def test_work_that_is_accepted_is_forced_to_the_disk_and_answers_are_not(given, file_store):
    def level_after(act):
        act()
        return file_store._db.row("PRAGMA synchronous")[0]

    normal, full = 1, 2
    assert level_after(lambda: given.start("c1", "p1", "p2")) == full
    batch = given.plan()
    assert level_after(lambda: given.claim(batch)) == normal
    one, two = given.read("p1", "p2")
    assert level_after(lambda: given.move(one, P.DONE, "p3")) == normal
    assert level_after(lambda: given.save(batch, BatchState.WRITTEN)) == full
    assert level_after(lambda: given.move(two, P.DONE)) == normal
    stop = Unit("t", ending=given.end("c1", ChainState.CANCELLED))
    assert level_after(lambda: file_store.commit([stop])) == full


def test_a_killed_process_loses_no_commit_that_returned(path):
    code = f"""
import os, signal
from gemchain.records.states import PromptState
from gemchain.testing import VirtualClock
from gemchain.stores.sqlite import SqliteStore
from tests.contracts.store_samples import Samples
clock = VirtualClock()
given = Samples(SqliteStore({path!r}, clock), clock)
one, two = given.claimed("p1", "p2")
given.move(one, PromptState.DONE, "p3")
given.store._db._db.execute("BEGIN IMMEDIATE")
given.store._db._db.execute("UPDATE progress SET state = 'FAILED'")
os.kill(os.getpid(), signal.SIGKILL)
"""
    process = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert process.returncode == -9
    store = open_file(path)
    assert store.counters().prompts == {P.DONE: 1, P.CLAIMED: 1, P.QUEUED: 1}
    assert ids(store.list_prompts(state=P.CLAIMED)) == ["p2"]
    assert store.list_prompts(state=P.FAILED) == []
    store.close()


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda store: store.queues(), "progress_waiting"),
        (lambda store: store.due_answers(limit=1), "progress_answered"),
        (lambda store: store.next_answer_at(), "progress_answered"),
        (lambda store: store.overdue(limit=1), "progress_overdue"),
        (lambda store: store.ended_waits(limit=1), "progress_awaits"),
        (lambda store: store.unsettled_chains(limit=1), "progress_unsettled"),
        (lambda store: store.has_open("j1"), "progress_open_join"),
        (lambda store: list(store.chain_prompts("j1")), "prompts_of_join"),
        (lambda store: list(store.chain_prompts("c1")), "prompts_of_chain"),
        (lambda store: list(store.members("b1", state=P.CLAIMED)), "progress_of_batch"),
        (lambda store: list(store.input_rows("b1")), "progress_of_batch"),
        (lambda store: store.list_prompts(state=P.PARKED), "progress_stopped"),
        (lambda store: store.list_prompts(state=P.FAILED), "progress_stopped"),
        (lambda store: store.list_prompts(state=P.QUEUED), "progress_waiting"),
        (lambda store: store.open_batches(), "batches_open"),
        (lambda store: store.open_parts(), "parts_open"),
        (lambda store: store.open_parts("b1"), "parts_open"),
    ],
)
def test_what_is_asked_often_is_answered_from_an_index(given, file_store, ask, index):
    given.claimed("p1")
    given.queue("p2")
    seen = []
    file_store._db._db.set_trace_callback(seen.append)
    ask(file_store)
    file_store._db._db.set_trace_callback(None)
    plans = [
        row[3]
        for sql in seen
        if sql.lstrip().startswith("SELECT")
        for row in file_store._db.rows(f"EXPLAIN QUERY PLAN {sql}")
    ]
    assert any(index in step for step in plans)
    whole_tables = ("SCAN g", "SCAN p", "SCAN progress", "SCAN prompts", "SCAN chains", "SCAN c")
    assert not [step for step in plans if step in whole_tables]
