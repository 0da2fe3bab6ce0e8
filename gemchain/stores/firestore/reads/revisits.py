"""The ANSWERED prompt whose callback runs again first."""

from collections.abc import Collection

from gemchain.stores.firestore.client.connection import Connection
from gemchain.stores.firestore.client.messages import Message
from gemchain.stores.firestore.client.query import Query

__all__ = ["first_revisit"]

PAGE = 100


def first_revisit(connection: Connection, owners: Collection[str] | None) -> Message | None:
    """Its document, with the fields `revisit` and `owner`; None when there is none."""
    query = Query([("revisit", ">=", 0)], "revisit", fields=["revisit", "owner"])
    for page in connection.pages("prompts", query, 1 if owners is None else PAGE):
        for document in page:
            if owners is None or document.fields["owner"].string_value in owners:
                return document
    return None
