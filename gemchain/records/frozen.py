"""Records that are never changed, and that cost little to make: each answer makes half a dozen."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

__all__ = ["frozen"]

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
    """A dataclass with slots that no code may assign to, as the type checker sees to.

    At run time nothing stands in the way: the guard of `dataclass(frozen=True)` makes a record of thirty
    fields seven times as expensive (4 µs instead of 0.6).
    """
    return dataclass(slots=True, unsafe_hash=True, kw_only=kw_only)
