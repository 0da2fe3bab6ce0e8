"""One database of Firestore: calls with a bound on time and repetition, and the service's own time.

Reads are repeated a few times when they may work in a moment. A commit is sent once: the code that sends it
must look what became of it before sending it again. Nothing is repeated by the SDK, whose tries would go
on for minutes and hide what became of the first.
"""

import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from gemchain.base.chunks import chunked
from gemchain.errors import MissingExtraError
from gemchain.ports import Clock
from gemchain.records.codec import from_micros
from gemchain.stores.firestore.client.errors import FAILURES, PRECONDITIONS, TRANSIENT, Place, translated
from gemchain.stores.firestore.client.messages import (
    BatchGetDocumentsRequest,
    CommitRequest,
    DocumentMask,
    Message,
    RunAggregationQueryRequest,
    RunQueryRequest,
    types,
)
from gemchain.stores.firestore.client.query import Query
from gemchain.stores.firestore.client.values import plain, version_of

try:
    from google.cloud import firestore
except ImportError as error:
    raise MissingExtraError("Firestore", "firebase") from error

__all__ = ["PAUSES", "Connection"]

PAUSES = (0.1, 0.4, 1.6)
"""Seconds between the tries of a call that may work in a moment."""

COMMIT_SECONDS = 30.0
READ_SECONDS = 30.0
LOOKUP = 1_000
"""Documents asked for in one call; their names make about 100 KB."""
MEMORY_BYTES = 64 << 20
"""Documents held in memory at once, at most."""

_SLACK = timedelta(milliseconds=1)
_STALE = timedelta(minutes=5)
_USABLE = re.compile(r"(?!\.{1,2}\Z)(?!__.*__\Z)[^/\x00]{1,500}\Z", re.DOTALL)

T = TypeVar("T")


class Connection:
    """Calls to one database, below a prefix of collections.

    Args:
        place: Project and database.
        prefix: What the collections' names begin with.
        clock: This machine's time; the service's is learnt as a distance from it.
        client: A `google.cloud.firestore.Client` to use; made when missing.
    """

    def __init__(self, place: Place, prefix: str, clock: Clock, client: Any = None) -> None:
        self.place = place
        self.prefix = prefix
        self._clock = clock
        self._lock = threading.Lock()
        self._offset = timedelta(0)
        self._learnt_at: datetime | None = None
        self._owned = client is None
        self._client = client or self._connect()
        self._database = f"projects/{place.project}/databases/{place.database}"
        self._root = f"{self._database}/documents"

    def _connect(self) -> Any:
        try:
            return firestore.Client(project=self.place.project, database=self.place.database)
        except FAILURES as error:
            raise translated(error, self.place, "connecting") from error

    def close(self) -> None:
        """Close the client, unless the caller made it."""
        if self._owned:
            self._client.close()

    # Names

    def collection(self, kind: str) -> str:
        """The collection of a kind of record."""
        return f"{self.prefix}_{kind}"

    def name(self, kind: str, record_id: str) -> str:
        """The full name of a record's document."""
        return f"{self._root}/{self.prefix}_{kind}/{record_id}"

    # Calls

    def get(
        self, kind: str, ids: Collection[str], fields: Sequence[str] | None = None
    ) -> Iterator[tuple[str, Message]]:
        """The documents of a kind with these ids, each with its id; ids without one are left out."""
        names = [self.name(kind, each) for each in dict.fromkeys(ids) if _USABLE.match(each)]
        for document in self.get_named(names, fields):
            yield record_id(document), document

    def get_named(self, names: Iterable[str], fields: Sequence[str] | None = None) -> Iterator[Message]:
        """The documents with these full names, in no order; names without one are left out."""
        for group in chunked(names, LOOKUP):
            request = BatchGetDocumentsRequest(database=self._database, documents=group)
            if fields is not None:
                request.mask.CopyFrom(DocumentMask(field_paths=fields))
            yield from self._retried("reading records", partial(self._lookup, request))

    def _lookup(self, request: Message) -> list[Message]:
        call = self._api.batch_get_documents
        wrapped = types.BatchGetDocumentsRequest.wrap(request)
        replies = [each._pb for each in self._timed(call, wrapped, READ_SECONDS)]  # noqa: SLF001
        return [each.found for each in replies if each.WhichOneof("result") == "found"]

    def find(self, kind: str, query: Query, *, max_bytes: int = MEMORY_BYTES) -> list[Message]:
        """The documents of a kind that match: at most the query's limit, or what makes up `max_bytes`."""
        return self._retried("searching records", lambda: list(self._stream(kind, query, max_bytes)))

    def pages(self, kind: str, query: Query, size: int) -> Iterator[list[Message]]:
        """All documents that match, page by page; those of a page may be changed before the next.

        A query with an order fetches that field.
        """
        after = query.after
        while True:
            page = self.find(kind, replace(query, limit=size, after=after))
            if page:
                yield page
            if len(page) < size and sum(each.ByteSize() for each in page) < MEMORY_BYTES:
                return
            last = page[-1]
            after = (plain(last.fields[query.order]), last.name) if query.order else (last.name,)

    def _stream(self, kind: str, query: Query, max_bytes: int) -> Iterator[Message]:
        request = RunQueryRequest(parent=self._root, structured_query=query.message(self.collection(kind)))
        wrapped = types.RunQueryRequest.wrap(request)
        for reply in self._timed(self._api.run_query, wrapped, READ_SECONDS):
            if max_bytes <= 0:
                return
            if reply._pb.HasField("document"):  # noqa: SLF001
                max_bytes -= reply._pb.document.ByteSize()  # noqa: SLF001
                yield reply._pb.document  # noqa: SLF001

    def count(self, kind: str, query: Query) -> int:
        """How many documents match."""
        request = RunAggregationQueryRequest(parent=self._root)
        asked = request.structured_aggregation_query
        asked.structured_query.CopyFrom(query.message(self.collection(kind)))
        asked.aggregations.add(alias="count").count.SetInParent()
        wrapped = types.RunAggregationQueryRequest.wrap(request)

        def read() -> int:
            replies = list(self._timed(self._api.run_aggregation_query, wrapped, READ_SECONDS))
            return int(replies[0]._pb.result.aggregate_fields["count"].integer_value)  # noqa: SLF001

        return self._retried("counting records", read)

    def commit(self, writes: Iterable[Message]) -> Message:
        """Apply writes, all of them or none; sent once.

        Raises:
            GoogleAPIError: It is unknown whether anything was applied.
        """
        request = types.CommitRequest.wrap(CommitRequest(database=self._database, writes=writes))
        before = self._clock.now()
        sent = self._api.commit(request=request, metadata=self._metadata, retry=None, timeout=COMMIT_SECONDS)
        reply = types.CommitResponse.pb(sent)
        self._learn(reply.commit_time, before)
        return reply

    def commit_surely(self, writes: Iterable[Message], doing: str) -> Message | None:
        """Apply writes, all of them or none, and ask again while the service is away for a moment.

        A call whose reply was lost may have been applied; sent again, its preconditions fail.

        Returns:
            The reply; None when a precondition fails.

        Raises:
            StoreError: The service failed.
        """
        writes = list(writes)
        for pause in (*PAUSES, None):
            try:
                return self.commit(writes)
            except PRECONDITIONS:
                return None
            except FAILURES as error:
                if pause is None or not isinstance(error, TRANSIENT):
                    raise translated(error, self.place, doing) from error
                self._clock.sleep(pause)
        raise AssertionError("the last pause is None, which raises")

    @property
    def _api(self) -> Any:
        return self._client._firestore_api  # noqa: SLF001 -- the client's own calls hide times and masks

    @property
    def _metadata(self) -> Any:
        return self._client._rpc_metadata  # noqa: SLF001 -- the same

    def _timed(self, call: Callable[..., Any], request: Any, seconds: float) -> Iterator[Any]:
        before = self._clock.now()
        for reply in call(request=request, metadata=self._metadata, retry=None, timeout=seconds):
            if reply._pb.HasField("read_time"):  # noqa: SLF001
                self._learn(reply._pb.read_time, before)  # noqa: SLF001
            yield reply

    def _retried(self, doing: str, call: Callable[[], T]) -> T:
        for pause in PAUSES:
            try:
                return call()
            except TRANSIENT:
                self._clock.sleep(pause)
            except FAILURES as error:
                raise translated(error, self.place, doing) from error
        try:
            return call()
        except FAILURES as error:
            raise translated(error, self.place, doing) from error

    def sleep(self, seconds: float) -> None:
        """Rest between two tries."""
        self._clock.sleep(seconds)

    # Time

    def now(self) -> datetime:
        """The service's time, as its latest replies told."""
        now = self._clock.now()
        if self._learnt_at is None or not timedelta(0) <= now - self._learnt_at < _STALE:
            list(self.get("tallies", ["time"], ["at"]))
            now = self._clock.now()
        return now + self._offset

    def _learn(self, at: Message, before: datetime) -> None:
        """Keep the offset within what a call allows: the service said `at` between `before` and now."""
        said = from_micros(version_of(at))
        assert said is not None
        after = self._clock.now()
        with self._lock:
            low, high = said - after - _SLACK, said - before + _SLACK
            self._offset = min(max(self._offset, low), high)
            self._learnt_at = after


def record_id(document: Message) -> str:
    """The id in a document's name."""
    return str(document.name).rpartition("/")[2]
