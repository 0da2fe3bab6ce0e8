"""The RPCs of `google.firestore.v1.Firestore`, one method each.

https://docs.cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#firestore
"""

import secrets
import string
import threading
from collections.abc import Callable, Iterable
from typing import NoReturn

from gemchain.emulators.firestore import limits, listing
from gemchain.emulators.firestore.aggregation import aggregate, aggregated_fields, check_aggregations
from gemchain.emulators.firestore.database import Clock, Database
from gemchain.emulators.firestore.messages import (
    BatchGetDocumentsResponse,
    BatchWriteResponse,
    BeginTransactionResponse,
    Document,
    Empty,
    ListCollectionIdsResponse,
    ListDocumentsResponse,
    Message,
    PartitionQueryResponse,
    RunAggregationQueryResponse,
    RunQueryResponse,
    Write,
)
from gemchain.emulators.firestore.paths import DatabaseId, NameKey, check_id, parent_key, split_name
from gemchain.emulators.firestore.queries import Query, compile_query
from gemchain.emulators.firestore.reading import Reading
from gemchain.emulators.firestore.refusals import Refusal, invalid, not_found, unimplemented
from gemchain.emulators.firestore.transactions import Transactions
from gemchain.emulators.firestore.values import masked, read_mask
from gemchain.emulators.firestore.writes import target

__all__ = ["Service"]

_ID_ALPHABET = string.ascii_letters + string.digits


class Service:
    """Every database of every project; made when first named, kept until the emulator stops.

    A method answers a whole RPC: a message, or a list of them for a streaming one. What it refuses, it
    raises as a `Refusal`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._all: dict[DatabaseId, Transactions] = {}

    def open(self, database_id: DatabaseId) -> Transactions:
        """A database and its transactions."""
        with self._lock:
            found = self._all.get(database_id)
            if found is None:
                found = self._all[database_id] = Transactions(Database(database_id, self._clock))
            return found

    def databases(self) -> list[Database]:
        """Every database that was named so far."""
        with self._lock:
            return [transactions.database for transactions in self._all.values()]

    def of(self, request: Message) -> Transactions:
        """The database a request is about.

        Raises:
            Refusal: INVALID_ARGUMENT: it names none.
        """
        for field in ("database", "parent", "name"):
            if field in request.DESCRIPTOR.fields_by_name:
                return self.open(split_name(getattr(request, field))[0])
        return self.open(split_name(request.document.name)[0])

    # Documents

    def get_document(self, request: Message) -> Message:
        """GetDocument."""
        reading = self._reading(request)
        document = reading.get(request.name).document
        if document is None:
            raise not_found(f'Document "{request.name}" not found.')
        return masked(document, _mask(request))

    def batch_get_documents(self, request: Message) -> Iterable[Message]:
        """BatchGetDocuments: one response for each distinct name."""
        reading, mask = self._reading(request), _mask(request)
        responses = [BatchGetDocumentsResponse(transaction=reading.started)] if reading.started else []
        for name in dict.fromkeys(request.documents):
            document = reading.get(name).document
            response = BatchGetDocumentsResponse()
            if document is None:
                response.missing = name
            else:
                response.found.CopyFrom(masked(document, mask))
            reading.stamp(response.read_time)
            responses.append(response)
        return responses

    def create_document(self, request: Message) -> Message:
        """CreateDocument: the id is the client's, or 20 random characters."""
        database = self.of(request).database
        parent_key(request.parent, database.id.root)
        check_id(request.collection_id)
        document_id = request.document_id or "".join(secrets.choice(_ID_ALPHABET) for _ in range(20))
        write = Write(update=request.document)
        write.update.name = f"{request.parent}/{request.collection_id}/{document_id}"
        write.current_document.exists = False
        database.commit([write])
        return self._stored(database, write.update.name, request)

    def update_document(self, request: Message) -> Message:
        """UpdateDocument."""
        database = self.of(request).database
        write = Write(update=request.document)
        if request.HasField("update_mask"):
            write.update_mask.CopyFrom(request.update_mask)
        if request.HasField("current_document"):
            write.current_document.CopyFrom(request.current_document)
        database.commit([write])
        return self._stored(database, request.document.name, request)

    def delete_document(self, request: Message) -> Message:
        """DeleteDocument."""
        write = Write(delete=request.name)
        if request.HasField("current_document"):
            write.current_document.CopyFrom(request.current_document)
        self.of(request).database.commit([write])
        return Empty()

    def list_documents(self, request: Message) -> Message:
        """ListDocuments."""
        reading = self._reading(request)
        query = self._compile(reading, request.parent, listing.list_query(request))
        items = [listing.Item.of(match) for match in reading.run(query).found]
        if request.show_missing:
            items = sorted(
                [*items, *listing.missing_items(query, reading.database.records(reading.snapshot_us))],
                key=lambda item: item.key,
            )
        size, mask = listing.page_size(request), _mask(request)
        page = items[:size]
        reading.bill(len(page))
        response = ListDocumentsResponse(documents=[masked(item.document, mask) for item in page])
        if len(items) > size:
            response.next_page_token = listing.page_token(query, page[-1])
        return response

    def list_collection_ids(self, request: Message) -> Message:
        """ListCollectionIds: bills one read."""
        reading = self._reading(request)
        parent = parent_key(request.parent, reading.database.id.root)
        ids = listing.collection_ids(parent, reading.database.collection_paths(reading.at_us))
        page, token = listing.cut(ids, request)
        reading.bill(1)
        return ListCollectionIdsResponse(collection_ids=page, next_page_token=token)

    # Queries

    def run_query(self, request: Message) -> Iterable[Message]:
        """RunQuery: one response for each document; without documents, one with the read time."""
        _no_explanation(request)
        reading = self._reading(request)
        query = self._compile(reading, request.parent, request.structured_query)
        found, skipped = reading.run(query)
        reading.bill(len(found), skipped)
        responses = [RunQueryResponse(transaction=reading.started)] if reading.started else []
        if not found or skipped:
            responses.append(RunQueryResponse(skipped_results=skipped))
            reading.stamp(responses[-1].read_time)
        for match in found:
            response = RunQueryResponse(document=masked(match.document, query.mask))
            reading.stamp(response.read_time)
            responses.append(response)
        return responses

    def run_aggregation_query(self, request: Message) -> Iterable[Message]:
        """RunAggregationQuery: bills one read for each 1,000 index entries."""
        _no_explanation(request)
        reading = self._reading(request)
        asked = request.structured_aggregation_query
        aggregations = list(asked.aggregations)
        aliases = check_aggregations(aggregations)
        query = self._compile(reading, request.parent, asked.structured_query).requiring(
            aggregated_fields(aggregations)
        )
        found, skipped = reading.run(query)
        reading.bill(-(-(len(found) + skipped) // limits.INDEX_ENTRIES_PER_READ))
        response = RunAggregationQueryResponse(result=aggregate(aggregations, aliases, found))
        response.transaction = reading.started
        reading.stamp(response.read_time)
        return [response]

    def partition_query(self, request: Message) -> Message:
        """PartitionQuery: splits a collection group into parts of about one size."""
        if request.partition_count <= 0:
            raise invalid("partition_count must be positive.")
        reading = self._reading(request)
        query = self._compile(reading, request.parent, request.structured_query)
        if not query.all_descendants:
            raise invalid("A partition query must select all descendants.")
        found = reading.run(query).found
        reading.bill(0)
        page, token = listing.cut(listing.partition_points(found, request.partition_count), request)
        return PartitionQueryResponse(partitions=page, next_page_token=token)

    # Writing

    def commit(self, request: Message) -> Message:
        """Commit: all writes or none."""
        transactions = self.of(request)
        if request.transaction:
            return transactions.commit(request.transaction, request.writes)
        return transactions.database.commit(request.writes)

    def batch_write(self, request: Message) -> Message:
        """BatchWrite: every write succeeds or fails by itself."""
        database = self.of(request).database
        if len({target(write) for write in request.writes}) < len(request.writes):
            raise invalid("Cannot write to the same document more than once in a batch.")
        response = BatchWriteResponse()
        for write in request.writes:
            result, status = response.write_results.add(), response.status.add()
            try:
                result.CopyFrom(database.commit([write]).write_results[0])
            except Refusal as refusal:
                status.code, status.message = refusal.code.value[0], refusal.message
        return response

    def begin_transaction(self, request: Message) -> Message:
        """BeginTransaction."""
        return BeginTransactionResponse(transaction=self.of(request).begin(request.options).id)

    def rollback(self, request: Message) -> Message:
        """Rollback."""
        self.of(request).rollback(request.transaction)
        return Empty()

    # Help

    def _reading(self, request: Message) -> Reading:
        return Reading.of(request, self.of(request))

    def _compile(self, reading: Reading, parent: str, structured_query: Message) -> Query:
        root = reading.database.id.root
        key: NameKey = parent_key(parent, root)
        return compile_query(structured_query, key, root)

    def _stored(self, database: Database, name: str, request: Message) -> Message:
        return masked(database.get(name).document or Document(), _mask(request))


def refuse(what: str) -> Callable[[Message], NoReturn]:
    """A handler for an RPC the emulator does not have."""

    def handler(_: Message) -> NoReturn:
        raise unimplemented(f"The gemchain Firestore emulator does not implement {what}.")

    return handler


def _mask(request: Message) -> list[tuple[str, ...]] | None:
    return read_mask(request.mask.field_paths) if request.HasField("mask") else None


def _no_explanation(request: Message) -> None:
    if "explain_options" in request.DESCRIPTOR.fields_by_name and request.HasField("explain_options"):
        raise unimplemented("The gemchain Firestore emulator does not explain queries.")
