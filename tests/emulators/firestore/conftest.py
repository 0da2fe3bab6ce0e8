"""One server for the whole session, one project of its own for every test.

With FIRESTORE_EMULATOR_HOST set, the tests run against that server instead: what they say is what the
documentation says, so the official emulator should pass them as well. Tests that look at counters or
inject faults need our own and are skipped then.
"""

import os
import uuid

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from gemchain.emulators.firestore import FirestoreEmulator

EXTERNAL = os.environ.get("FIRESTORE_EMULATOR_HOST")


@pytest.fixture(scope="session")
def host():
    if EXTERNAL:
        yield EXTERNAL
        return
    with FirestoreEmulator() as emulator:
        yield emulator.host


@pytest.fixture
def project():
    return f"demo-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def connect(host, monkeypatch):
    """Open clients of the shared server; they are closed with the test."""
    opened = []

    def connect(project, database="(default)", at=host):
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", at)
        client = firestore.Client(project=project, database=database, credentials=AnonymousCredentials())
        opened.append(client)
        return client

    yield connect
    for client in opened:
        client.close()


@pytest.fixture
def db(connect, project):
    return connect(project)


@pytest.fixture
def emulator():
    """A server of this test alone, for counters and faults."""
    if EXTERNAL:
        pytest.skip("FIRESTORE_EMULATOR_HOST is set: counters, faults and clocks are ours alone")
    with FirestoreEmulator() as emulator:
        yield emulator


@pytest.fixture
def own_db(emulator, connect, project):
    return connect(project, at=emulator.host)


@pytest.fixture
def fill(db):
    """Write documents `{id: fields}` into a collection and return it."""

    def fill(documents, collection="items"):
        batch = db.batch()
        for document_id, fields in documents.items():
            batch.set(db.collection(collection).document(document_id), fields)
        batch.commit()
        return db.collection(collection)

    return fill


@pytest.fixture
def where():
    """`where(query, field, operator, value, ...)`: several filters, all of which must hold."""

    def where(query, *parts):
        for field, operator, value in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            query = query.where(filter=FieldFilter(field, operator, value))
        return query

    return where


@pytest.fixture
def found(fill, where, ids):
    """`found(documents, field, operator, value, ...)`: the ids of those that the filters find."""

    def found(documents, *parts):
        return ids(where(fill(documents), *parts))

    return found


@pytest.fixture
def ids():
    """The document ids of a result, in its order."""

    def ids(result):
        return [snapshot.id for snapshot in (result if isinstance(result, list) else result.get())]

    return ids
