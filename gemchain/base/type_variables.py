"""Type variables of the public classes, with defaults: a bare `Response` means `Response[Any]`.

Python 3.13 is the first to know defaults of type variables; type checkers know them for every version.
"""

from typing import TYPE_CHECKING, Any

__all__ = ["Parsed_co", "Value_co"]

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # known to type checkers, installed or not

    Parsed_co = TypeVar("Parsed_co", covariant=True, default=Any)
    """What `Response.parsed` is."""
    Value_co = TypeVar("Value_co", covariant=True, default=Any)
    """What an await gives, or what a chain's result is."""
else:
    from typing import TypeVar

    Parsed_co = TypeVar("Parsed_co", covariant=True)
    Value_co = TypeVar("Value_co", covariant=True)
