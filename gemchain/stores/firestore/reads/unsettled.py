"""The `unsettled` marks of chains."""

from collections.abc import Collection, Sequence

from gemchain.base.chunks import chunked
from gemchain.records import Prompt
from gemchain.stores.firestore.client.connection import Connection
from gemchain.stores.firestore.client.errors import FAILURES, PRECONDITIONS, translated
from gemchain.stores.firestore.client.messages import Message, Write
from gemchain.stores.firestore.client.query import Query
from gemchain.stores.firestore.client.values import timestamp_of

__all__ = ["marked", "unmark"]

PAGE = 500


def marked(connection: Connection, limit: int, owners: Collection[str] | None = None) -> list[str]:
    """Chains with a mark, by id; with `owners`, only theirs."""
    query = Query([("unsettled", ">", "")], "unsettled", fields=["unsettled", "owner"])
    found: dict[str, None] = {}
    for page in connection.pages("prompts", query, PAGE):
        found.update(
            dict.fromkeys(
                each.fields["unsettled"].string_value
                for each in page
                if owners is None or each.fields["owner"].string_value in owners
            )
        )
        if len(found) >= limit:
            break
    return list(found)[:limit]


def unmark(connection: Connection, prompts: Sequence[Prompt]) -> None:
    """Clear the marks of prompts that have not moved since they were read.

    Raises:
        StoreError: The service failed; some marks may be left.
    """
    writes = [_cleared(connection, each) for each in prompts if each.progress.unsettled]
    for page in chunked(writes, PAGE):
        if not _applied(connection, page):
            for write in page:
                _applied(connection, [write])


def _cleared(connection: Connection, prompt: Prompt) -> Message:
    write = Write()
    write.update.name = connection.name("prompts", prompt.id)
    write.update_mask.field_paths.append("unsettled")
    write.current_document.update_time.CopyFrom(timestamp_of(prompt.version))
    return write


def _applied(connection: Connection, writes: Sequence[Message]) -> bool:
    try:
        connection.commit(writes)
    except PRECONDITIONS:
        return False
    except FAILURES as error:
        raise translated(error, connection.place, "settling a chain") from error
    return True
