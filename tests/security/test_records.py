"""Whatever stands in a record, the engine goes on: that prompt stops with a reason, its neighbours do not."""

import contextlib
import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from gemchain.records.states import PromptState
from tests.security.kit import check_told, world
from tests.support.fuzzing import NUMBERS, TEXTS, fuzz

VALUES = st.one_of(TEXTS, NUMBERS, st.binary(max_size=40), st.none())
OF_A_PROMPT = ("progress", "prompts", "requests")
OF_ALL = ("batches", "chains", "names", "parts", "queues", "counters", "runs")
KEPT = {"seq", "chain"}
"""What ties the rows of a prompt together: without it there is no record to speak of."""


def columns(store, table):
    found = store._db._db.execute(f"SELECT * FROM {table} LIMIT 0").description
    return [name for name, *_ in found if name not in KEPT]


def damage(world, table, column, value, where, *values):
    """Write a value as anything that opens the file could; what SQLite itself refuses is no damage."""
    try:
        world.runtime.store._db._db.execute(
            f'UPDATE {table} SET "{column}" = ? WHERE {where}', (value, *values)
        )
    except (sqlite3.IntegrityError, OverflowError):
        return False
    return True


def rows_of_victims(world):
    ids = [each.id for each in world.victims]
    marks = ", ".join("?" * len(ids))
    sql = f"SELECT seq FROM prompts WHERE chain_id IN ({marks}) ORDER BY seq"
    return [seq for (seq,) in world.runtime.store._db._db.execute(sql, ids)]


@contextlib.contextmanager
def struck(data, tables, *, victims):
    """A world that has come to its end, though rows of these tables were damaged: of victims, or any."""
    with world() as here:
        here.turn(data.draw(st.integers(0, 4), label="turns before"))
        for _ in range(data.draw(st.integers(1, 3), label="damages")):
            table = data.draw(st.sampled_from(tables), label="table")
            column = data.draw(st.sampled_from(columns(here.runtime.store, table)), label="column")
            rows = ("1",)
            if victims:
                rows = ("seq = ?", data.draw(st.sampled_from(rows_of_victims(here)), label="row"))
            damage(here, table, column, data.draw(VALUES, label="value"), *rows)
            here.turn(data.draw(st.integers(0, 2), label="turns between"))
        here.to_the_end()
        check_told(here)
        yield here


@fuzz(25)
@given(st.data())
def test_a_damaged_prompt_stops_with_a_reason_and_its_neighbours_go_on(data):
    with struck(data, OF_A_PROMPT, victims=True) as here:
        assert here.outcomes(here.neighbours) == {"DONE"}
        for prompt in here.runtime.store.list_prompts(state=PromptState.PARKED):
            assert prompt.progress.failure is not None or prompt.damage


@fuzz(15)
@given(st.data())
def test_a_damaged_batch_part_chain_counter_or_run_stops_no_stage(data):
    with struck(data, OF_ALL, victims=False):
        pass
