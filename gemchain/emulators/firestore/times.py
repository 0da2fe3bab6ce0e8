"""Times as the service keeps them: whole microseconds since the epoch."""

from gemchain.emulators.firestore.messages import Message
from gemchain.emulators.firestore.refusals import invalid

__all__ = ["exact_micros", "fill", "micros"]

MILLION = 1_000_000


def micros(timestamp: Message) -> int:
    """A protobuf Timestamp as microseconds, rounded down."""
    return int(timestamp.seconds) * MILLION + int(timestamp.nanos) // 1_000


def exact_micros(timestamp: Message, what: str) -> int:
    """A protobuf Timestamp that must be microsecond aligned.

    Raises:
        Refusal: INVALID_ARGUMENT when it is not; `what` names the field.
    """
    if timestamp.nanos % 1_000:
        raise invalid(f"{what} must have microsecond precision.")
    return micros(timestamp)


def fill(timestamp: Message, value: int) -> None:
    """Write `value` microseconds into a protobuf Timestamp."""
    timestamp.seconds, rest = divmod(value, MILLION)
    timestamp.nanos = rest * 1_000
