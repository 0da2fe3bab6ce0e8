"""All documents of a Firestore database as JSON, and back."""

import base64
import os
from datetime import datetime
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore


def use(host: str) -> None:
    """Talk to this emulator."""
    os.environ["FIRESTORE_EMULATOR_HOST"] = host


def client(project: str) -> firestore.Client:
    return firestore.Client(project=project, credentials=AnonymousCredentials())


def dump(project: str) -> dict[str, dict[str, Any]]:
    """Every document of the top-level collections, by its path."""
    opened = client(project)
    return {
        document.reference.path: _plain(document.to_dict())
        for collection in opened.collections()
        for document in collection.stream()
    }


def load(project: str, documents: dict[str, dict[str, Any]]) -> None:
    """Write documents as they were dumped."""
    opened = client(project)
    for path, fields in documents.items():
        opened.document(path).set(_value(fields))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return {"@bytes": base64.b64encode(value).decode()}
    return {"@time": value.isoformat()} if isinstance(value, datetime) else value


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_value(each) for each in plain]
    if not isinstance(plain, dict):
        return plain
    if plain.keys() == {"@bytes"}:
        return base64.b64decode(plain["@bytes"])
    if plain.keys() == {"@time"}:
        return datetime.fromisoformat(plain["@time"])
    return {name: _value(each) for name, each in plain.items()}
