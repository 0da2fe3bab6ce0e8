"""Reading what the API lists, page by page."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

__all__ = ["since"]

CLOCKS_DIFFER = timedelta(hours=1)
"""How far the service's clock may be from ours."""


def since(page: Any, moment: datetime) -> Iterator[Any]:
    """What is listed, the newest first, down to a page on which everything is older than `moment`.

    Args:
        page: The first page of the SDK.
        moment: By our clock.

    Raises:
        TypeError: It is no page. It must not pass for an empty one: what is not listed is made anew.
    """
    oldest = (moment - CLOCKS_DIFFER).timestamp()
    while True:
        if not isinstance(page.data, list):
            raise TypeError(f"it is no list: {page!r:.200}")
        yield from page.data
        if all(each.created_at < oldest for each in page.data) or not page.has_next_page():
            return
        page = page.get_next_page()
