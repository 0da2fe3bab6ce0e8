"""The `unsettled` marks of chains."""

from collections.abc import Sequence

from gemchain.stores.firestore.connection import Connection
from gemchain.stores.firestore.errors import FAILURES, PRECONDITIONS, translated
from gemchain.stores.firestore.messages import Message, Write
from gemchain.stores.firestore.query import NAME, Query

__all__ = ["marked", "unmark"]

PAGE = 500


def marked(connection: Connection, limit: int) -> list[str]:
    """Chains with a mark, by id."""
    query = Query([("unsettled", ">", "")], "unsettled", fields=["unsettled"])
    found: dict[str, None] = {}
    for page in connection.pages("prompts", query, PAGE):
        found.update(dict.fromkeys(each.fields["unsettled"].string_value for each in page))
        if len(found) >= limit:
            break
    return list(found)[:limit]


def unmark(connection: Connection, chain_id: str) -> None:
    """Clear the marks of a chain. A prompt that went back and ended anew meanwhile keeps its new mark.

    Raises:
        StoreError: The service failed; some marks may be left.
    """
    query = Query([("unsettled", "==", chain_id)], fields=[NAME])
    for page in connection.pages("prompts", query, PAGE):
        writes = [_cleared(document) for document in page]
        if not _applied(connection, writes):
            for write in writes:
                _applied(connection, [write])


def _cleared(document: Message) -> Message:
    write = Write()
    write.update.name = document.name
    write.update_mask.field_paths.append("unsettled")
    write.current_document.update_time.CopyFrom(document.update_time)
    return write


def _applied(connection: Connection, writes: Sequence[Message]) -> bool:
    try:
        connection.commit(writes)
    except PRECONDITIONS:
        return False
    except FAILURES as error:
        raise translated(error, connection.place, "settling a chain") from error
    return True
