"""Reading records: documents found by id or by an index, their long texts put back."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, TypeVar

from gemchain.base.chunks import chunked
from gemchain.errors import DamagedError
from gemchain.records import Batch, Chain, InputRow, Part, Prompt
from gemchain.records.codec import to_micros
from gemchain.records.damage import Unreadable, note_damage
from gemchain.records.states import ChainState
from gemchain.stores.firestore.claims.cache import ClaimCache
from gemchain.stores.firestore.claims.ready import INPUT_FIELDS, input_rows
from gemchain.stores.firestore.client.connection import Connection, record_id
from gemchain.stores.firestore.client.messages import Message
from gemchain.stores.firestore.client.query import Condition, Query
from gemchain.stores.firestore.client.values import fields_of, version_of, with_chain
from gemchain.stores.firestore.documents.documents import WITHOUT_REQUEST, chain_record, prompt_record
from gemchain.stores.firestore.documents.spill import Spill

__all__ = ["Reader"]

PAGE = 500
REQUEST_PAGE = 200
"""Prompts read at once together with their requests: at most some 50 MB."""

R = TypeVar("R", Batch, Chain, Part)
_Record = Callable[[str, dict[str, Any], int], R]


class Reader:
    """Reads records."""

    def __init__(self, connection: Connection, spill: Spill, claimed: ClaimCache) -> None:
        self._connection = connection
        self._spill = spill
        self._claimed = claimed

    def prompts(self, ids: Collection[str]) -> Iterator[Prompt]:
        """The prompts with these ids."""
        known = self._claimed.known(ids)
        names = {record_id(document) for document in known}
        rest = [each for each in ids if each not in names]
        found = (document for _, document in self._connection.get("prompts", rest, WITHOUT_REQUEST))
        for page in chunked(chain(known, found), PAGE):
            yield from self.prompts_in(page)

    def requests(self, ids: Collection[str]) -> Iterator[InputRow]:
        """The requests of the prompts with these ids."""
        found = self._connection.get("prompts", ids, INPUT_FIELDS)
        for page in chunked((document for _, document in found), PAGE):
            for row in input_rows(page, self._spill):
                if isinstance(row.request, Unreadable):
                    raise DamagedError(
                        f"the request of {row.prompt_id!r} cannot be read: {row.request.why}. Restore it, "
                        "or cancel its chain"
                    )
                yield row

    def input_rows(self, *where: Condition) -> Iterator[InputRow]:
        """The requests of the prompts that an index finds, in pages."""
        for page in self._connection.pages("prompts", Query(where, fields=INPUT_FIELDS), REQUEST_PAGE):
            yield from input_rows(page, self._spill)

    def pages(self, *where: Condition, order: str = "") -> Iterator[list[Prompt]]:
        """All prompts that an index finds, in pages."""
        fields = (*WITHOUT_REQUEST, order) if order else WITHOUT_REQUEST
        for page in self._connection.pages("prompts", Query(where, order, fields=fields), PAGE):
            yield self.prompts_in(page)

    def first(self, *where: Condition, limit: int, order: str = "") -> list[Prompt]:
        """The first prompts that an index finds."""
        query = Query(where, order, fields=WITHOUT_REQUEST, limit=limit)
        return self.prompts_in(self._connection.find("prompts", query))

    def prompts_in(self, documents: Sequence[Message]) -> list[Prompt]:
        """The prompts in documents."""
        return [
            prompt_record(record_id(document), content, _prompt_version(document, content))
            for document, content in self._contents(documents)
        ]

    def by_id(self, kind: str, ids: Collection[str], record: _Record[R]) -> dict[str, R]:
        """The records of a kind with these ids."""
        documents = [document for _, document in self._connection.get(kind, ids)]
        return {each.id: each for each in self._records(documents, record)}

    def found(self, kind: str, query: Query, record: _Record[R]) -> list[R]:
        """The records of a kind that a query finds."""
        return self._records(self._connection.find(kind, query), record)

    def chains_of(self, owner: str, state: ChainState | None, limit: int, after: str | None) -> list[Chain]:
        """Chains of an owner by id; those without an owner are looked for among all."""
        where = [("owner", "==", owner)] if owner else []
        found: list[Chain] = []
        while len(found) < limit:
            cursor = () if after is None else (self._connection.name("chains", after),)
            page = self.found("chains", Query(where, limit=PAGE, after=cursor), chain_record)
            found += [each for each in page if each.owner == owner and state in (None, each.state)]
            if len(page) < PAGE:
                break
            after = page[-1].id
        return found[:limit]

    def _records(self, documents: Sequence[Message], record: _Record[R]) -> list[R]:
        found = []
        for document, content in self._contents(documents):
            try:
                found.append(record(record_id(document), content, version_of(document.update_time)))
            except DamagedError as error:
                note_damage("document", document.name, error)
        return found

    def _contents(self, documents: Sequence[Message]) -> Iterator[tuple[Message, dict[str, Any]]]:
        contents = [fields_of(document) for document in documents]
        self._spill.back(contents)
        return zip(documents, contents, strict=True)


def _prompt_version(document: Message, content: dict[str, Any]) -> int:
    """The version of a prompt, with that of its chain: a first prompt was created with it."""
    at = content.get("chain_at")
    chain = to_micros(at) if isinstance(at, datetime) else None
    if "first" in content:
        chain = version_of(document.create_time)
    return with_chain(version_of(document.update_time), max(chain or 0, 0))
