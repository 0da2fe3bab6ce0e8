"""Names of fields: the services accept camelCase and snake_case alike."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

__all__ = ["camel", "field_of"]


@lru_cache(maxsize=4096)
def camel(name: str) -> str:
    """The camelCase spelling of a field's name; `responseSchema` for `response_schema`."""
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest) if head else name


@lru_cache(maxsize=256)
def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: "_" + found.group().lower(), name)


def field_of(record: Mapping[str, Any], name: str) -> Any:
    """The value of a field named in camelCase, however the record spells it; None when it has none."""
    value = record.get(name)
    return record.get(_snake(name)) if value is None else value
