"""Prompts that are ready, read from the index of their queue with the fields that a claim needs."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from gemchain.records import InputRow
from gemchain.records.damage import Unreadable
from gemchain.stores.firestore.client.connection import MEMORY_BYTES, Connection, record_id
from gemchain.stores.firestore.client.messages import Message
from gemchain.stores.firestore.client.query import Query
from gemchain.stores.firestore.client.values import plain, version_of
from gemchain.stores.firestore.documents.documents import WITHOUT_REQUEST, queue_key, resting_key
from gemchain.stores.firestore.documents.spill import Spill

__all__ = ["INPUT_FIELDS", "Ready", "input_rows"]

PAGE = 1_000
"""Prompts that one call moves."""

SHORT = 50
"""A queue no longer than this is claimed in the order of age."""

SHORT_BYTES = 1 << 20

INPUT_FIELDS = ("request", "request_hash", "size", "created_at", "spilled.request")

WHOLE = tuple(dict.fromkeys((*INPUT_FIELDS, *WITHOUT_REQUEST)))
"""What a claim reads of a prompt: all of it."""

_REQUEST = ("request", "request_hash")

NO_REQUEST: Any = Unreadable("there is none")


class Ready:
    """Ready prompts of a queue, page by page.

    Args:
        left: How many are still wanted.
        room: How many bytes of requests.
    """

    def __init__(
        self, connection: Connection, queue: str, left: Callable[[], int], room: Callable[[], int]
    ) -> None:
        self._connection = connection
        self._queue = queue
        self._left = left
        self._room = room

    def pages(self) -> Iterator[list[Message]]:
        """Urgent ones, those whose rest is over, the others from anywhere on, low ones."""
        key = queue_key(self._queue, 0)
        now = resting_key(self._queue, self._connection.now())
        yield from self._walk("queue", [("queue", ">", f"{key} !"), ("queue", "<", f"{key} ~")])
        yield from self._walk("resting", [("resting", ">", f"{key} "), ("resting", "<=", now)])
        yield from self._ring([("queue", "==", key)])
        yield from self._walk("queue", [("queue", ">", f"{key} ~"), ("queue", "<", f"{key} \x7f")])

    def _walk(self, order: str, where: Sequence[tuple[str, str, str]]) -> Iterator[list[Message]]:
        """Pages in the order of a field."""
        after: tuple[str, ...] = ()
        while True:
            asked = Query(where, order, fields=(*WHOLE, order), limit=self._count, after=after)
            page = self._connection.find("prompts", asked, max_bytes=self._most)
            if page:
                yield sorted(page, key=lambda each: (each.fields[order].string_value, _age(each)))
            if self._was_all(page, asked):
                return
            after = (page[-1].fields[order].string_value, page[-1].name)

    def _ring(self, where: Sequence[tuple[str, str, str]]) -> Iterator[list[Message]]:
        """Pages in the order of names, from somewhere to the end and from the beginning on."""
        start = self._connection.name("prompts", f"p{secrets.token_hex(15)}")
        while True:
            asked = Query(where, fields=WHOLE, limit=self._count, after=(start,))
            page = self._connection.find("prompts", asked, max_bytes=self._most)
            if self._was_all(page, asked):
                asked = replace(asked, limit=self._count - len(page), after=(), until=start)
                page += self._connection.find("prompts", asked, max_bytes=self._most)
            last, whole = page[-1].name if page else start, self._was_all(page, asked)
            if page:
                yield sorted(page, key=_age)
            if whole:
                return
            start = last

    @property
    def _count(self) -> int:
        """How many to read: with more than are wanted, the longest-waiting of a short queue can be told."""
        return min(PAGE, max(self._left(), SHORT))

    @property
    def _most(self) -> int:
        return min(MEMORY_BYTES, max(self._room(), SHORT_BYTES))

    def _was_all(self, page: Sequence[Message], asked: Query) -> bool:
        assert asked.limit is not None
        return len(page) < asked.limit and sum(each.ByteSize() for each in page) < self._most


def _age(document: Message) -> int:
    return version_of(document.fields["created_at"].timestamp_value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def input_rows(documents: Sequence[Message], spill: Spill) -> list[InputRow]:
    """What an input file needs of prompts whose `INPUT_FIELDS` were read.

    In place of a request that cannot be read stands an `Unreadable`.
    """
    contents = [_request_of(document) for document in documents]
    spill.back(contents)
    return [
        InputRow(record_id(document), content.get("request", NO_REQUEST), _text(content.get("request_hash")))
        for document, content in zip(documents, contents, strict=True)
    ]


def _request_of(document: Message) -> dict[str, Any]:
    content = {name: plain(document.fields[name]) for name in _REQUEST if name in document.fields}
    spilled = plain(document.fields["spilled"]) if "spilled" in document.fields else None
    if isinstance(spilled, dict):
        content["spilled"] = {name: at for name, at in spilled.items() if name == "request"}
    return content
