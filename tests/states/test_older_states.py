"""States that an earlier version has made run on: records, files, functions by value and kept responses.

`before-rooms-….json` were made by commit af69088, before modules moved and formats had names. Each holds the
same seven chains at six points in time, from the first prompt queued to the last one on its way.
"""

import json
import sqlite3
import sys
from pathlib import Path

import pytest

import gemchain
from gemchain.records.states import ChainState
from tests import firestore_state
from tests.apps import older
from tests.states import documents
from tests.states.make import POINTS, SETTINGS
from tests.support import engines

HERE = Path(__file__).parent
STATES = {
    (kind, point): state
    for kind in (engines.SQLITE, engines.FIRESTORE)
    for point, state in zip(POINTS, json.loads((HERE / f"before-rooms-{kind}.json").read_text()), strict=True)
}
MADE_BY = (3, 11)
"""The Python that made the functions by value: another one parks them."""


@pytest.fixture(params=STATES, ids=lambda key: f"{key[0]}-{key[1]}")
def state(request):
    return request.param[0], STATES[request.param]


def restored(folder, kind, told):
    """The state in a folder of this test."""
    told = json.loads(json.dumps(told).replace("@STATE@", str(folder)))
    for name, content in told["files"].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("latin-1"))
    if kind == engines.SQLITE:
        folder.mkdir(exist_ok=True)
        with sqlite3.connect(folder / "gemchain.db") as database:
            database.executescript("\n".join(told["records"]))
        database.close()
    else:
        documents.use(firestore_state.host())
        documents.load(engines.project(folder), told["records"])
    return told


def test_every_chain_of_an_older_state_comes_to_its_result(tmp_path, clock, state):
    kind, told = state
    clock.advance(told["seconds"])
    with engines.over(kind):
        told = restored(tmp_path / "state", kind, told)
        with engines.embedded(tmp_path / "state", clock=clock, **SETTINGS) as engine:
            before = engine.runtime.providers.named("simulated").paid_rows()
            engine.run()
            gemchain.resume(told["chains"]["approved"], "yes", name="approval")
            engine.run()
            chains = {name: gemchain.api.chains.Chain(each) for name, each in told["chains"].items()}
            if sys.version_info[:2] != MADE_BY:
                assert chains.pop("by_value").status().parked
            results = {name: chain.result() for name, chain in chains.items()}
            assert results == {name: older.RESULTS[name] for name in chains}
            assert {chain.status().state for chain in chains.values()} == {ChainState.DONE}
            paid = engine.runtime.providers.named("simulated").paid_rows()
            assert set(paid.values()) == {1}
            assert before <= paid


def test_the_same_key_still_finds_the_chain(tmp_path, clock):
    kind, told = engines.SQLITE, STATES[engines.SQLITE, POINTS[-1]]
    clock.advance(told["seconds"])
    with engines.over(kind):
        told = restored(tmp_path / "state", kind, told)
        with engines.embedded(tmp_path / "state", clock=clock, **SETTINGS):
            for name, (function, arguments) in older.EVERY.items():
                assert gemchain.start(function, *arguments, key=name).id == told["chains"][name]
