"""The same for documents of Firestore, which more people can write: any field, of any type, or missing."""

import contextlib
import os
from random import Random
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemchain.blobs.local import LocalBlobs
from gemchain.stores.firestore import FirestoreStore
from gemchain.stores.firestore.client.messages import Write
from gemchain.stores.firestore.client.query import Query
from gemchain.testing import VirtualClock
from tests import firestore_state
from tests.security.kit import check_told, world
from tests.support.fuzzing import WORDS, fuzz

KINDS = ("chains", "batches", "parts", "tallies", "queues")
SEEDS = st.integers(0, 2**32)
"""Ids are random, so what there is to draw from differs between runs: a seed of our own does not mind."""

NUMBERS = (0, 1, -1, 2**31, 2**53, 2**63 - 1, -(2**63))
FLOATS = (0.5, 1e308, -1e308, float("inf"), float("nan"))
YEARS_1_TO_9999 = (-62_135_596_800, 253_402_300_800)
NAMES = ("request", "params", "callback", "reason", "PARKED")
PUT = (
    lambda slot, draw: setattr(slot, "string_value", draw.choice(WORDS)[:2_000]),
    lambda slot, draw: setattr(slot, "integer_value", draw.choice(NUMBERS)),
    lambda slot, draw: setattr(slot, "double_value", draw.choice(FLOATS)),
    lambda slot, draw: setattr(slot, "boolean_value", draw.random() < 0.5),
    lambda slot, _: setattr(slot, "null_value", 0),
    lambda slot, draw: setattr(slot, "bytes_value", draw.randbytes(9)),
    lambda slot, _: setattr(slot, "reference_value", "projects/p/databases/(default)/documents/a/b"),
    lambda slot, _: setattr(slot.geo_point_value, "latitude", 1.5),
    lambda slot, draw: setattr(slot.timestamp_value, "seconds", draw.randrange(*YEARS_1_TO_9999)),
    lambda slot, draw: [
        put_anything(slot.array_value.values.add(), draw) for _ in range(draw.randrange(1, 3))
    ],
    lambda slot, draw: [put_anything(slot.map_value.fields[each], draw) for each in draw.sample(NAMES, 2)],
)
NESTED = 2


def put_anything(slot, draw, *, deep=False):
    """Put some Firestore value of any kind into a slot."""
    draw.choice(PUT if deep else PUT[:-NESTED])(slot, draw)


def documents(store, kind, chain_id=None):
    where = [] if chain_id is None else [("chain_id", "==", chain_id)]
    return store._connection.find(kind, Query(where))


def damage(store, document, draw):
    """Change, remove or add a field, as anybody with write access can."""
    name = draw.choice(sorted({*document.fields, "spilled", "chain_at", "batch_id", "failure", "extra"}))
    write = Write()
    write.update.name = document.name
    write.update_mask.field_paths.append(name)
    if draw.random() < 0.8:
        put_anything(write.update.fields[name], draw, deep=True)
    store._connection.commit([write])


def on_firestore(folder, clock):
    firestore_state.TIME.clock = clock
    project = firestore_state.new_project()
    with mock.patch.dict(os.environ, {firestore_state.HOST: firestore_state.host()}):
        return FirestoreStore(project, blobs=LocalBlobs(f"{folder}/files"), clock=clock)


@pytest.fixture(scope="module", autouse=True)
def _what_the_library_opens_once(tmp_path_factory):
    """It reads files of the system when it first connects."""
    store = on_firestore(tmp_path_factory.mktemp("first"), VirtualClock())
    store.counters()
    store.close()


@contextlib.contextmanager
def struck(seed, strike):
    """A world that has come to its end, though `strike(here, draw)` damaged it now and then."""
    draw = Random(seed)
    with world(on_firestore) as here:
        here.turn(draw.randrange(5))
        for _ in range(draw.randrange(1, 4)):
            strike(here, draw)
            here.turn(draw.randrange(3))
        here.to_the_end()
        check_told(here)
        yield here


def a_victim(here, draw):
    store = here.runtime.store
    found = documents(store, "prompts", draw.choice(here.victims).id)
    if found:
        damage(store, draw.choice(found), draw)


def anything_else(here, draw):
    store = here.runtime.store
    for document in documents(store, draw.choice(KINDS))[:4]:
        damage(store, document, draw)


@fuzz(8)
@given(SEEDS)
def test_a_damaged_document_of_a_prompt_stops_that_prompt_alone(seed):
    with struck(seed, a_victim) as here:
        assert here.outcomes(here.neighbours) == {"DONE"}


@fuzz(5)
@given(SEEDS)
def test_a_damaged_document_of_any_other_kind_stops_no_stage(seed):
    with struck(seed, anything_else):
        pass
