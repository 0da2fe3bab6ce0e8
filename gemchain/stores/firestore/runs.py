"""Records of runs: one small document for each."""

from collections.abc import Collection
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from gemchain.records import Run
from gemchain.stores.firestore.client.connection import Connection, record_id
from gemchain.stores.firestore.client.messages import Message, Write
from gemchain.stores.firestore.client.query import Query
from gemchain.stores.firestore.client.values import fields_of, fill

__all__ = ["read_runs", "write_run"]

KIND = "runs"


def write_run(connection: Connection, run: Run) -> None:
    """Record a run, or that it is continued; see `Store.save_run`."""
    for known in read_runs(connection, [run.id], 1):
        run = replace(run, created_at=known.created_at)
    write = Write()
    write.update.name = connection.name(KIND, run.id)
    content = {each.name: getattr(run, each.name) for each in fields(run) if each.name != "id"}
    fill(write.update.fields, content)
    connection.commit_surely([write], "recording a run")


def read_runs(connection: Connection, ids: Collection[str] | None, limit: int) -> list[Run]:
    """Runs with these ids, or all; see `Store.runs`."""
    if ids is None:
        documents = connection.find(KIND, Query())
    else:
        documents = [document for _, document in connection.get(KIND, ids)]
    found = [run for document in documents if (run := _run(document)) is not None]
    return sorted(found, key=lambda run: (run.begun_at, run.id), reverse=True)[:limit]


def _run(document: Message) -> Run | None:
    """The run in a document; None when it makes no sense."""
    content: dict[str, Any] = fields_of(document)
    kept = {each.name: content[each.name] for each in fields(Run) if each.name in content}
    times = [kept.get("created_at"), kept.get("begun_at")]
    if not all(isinstance(each, datetime) for each in times):
        return None
    return Run(**kept | {"id": record_id(document)})
