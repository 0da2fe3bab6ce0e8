"""Lists of messages or items in a provider's own form, as its SDK takes them."""

from collections.abc import Mapping
from typing import Any

from gemchain.formats.portable import is_messages

__all__ = ["are_own"]


def are_own(given: Any) -> bool:
    """Whether it is a list of messages or items of which at least one is not portable."""
    if not isinstance(given, list | tuple) or not given or not all(_is_object(each) for each in given):
        return False
    return not is_messages(given) or any(_has_own_parts(each) for each in given)


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping) or (hasattr(value, "model_dump") and not isinstance(value, type))


def _has_own_parts(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    return isinstance(content, list | tuple) and any(_is_object(each) for each in content)
