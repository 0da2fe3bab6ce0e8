"""Faults of calls to the service; faults of batches and rows are in `gemchain.simulated.faults`."""

from dataclasses import dataclass, fields
from random import Random

from gemchain.errors import ConfigurationError
from gemchain.simulated.faults import Faults

__all__ = ["CallFaults", "parse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFaults:
    """How often calls fail: probabilities, and below them amounts.

    Attributes:
        throttled: The call does nothing and answers 429.
        unavailable: The call does nothing and answers 503.
        create_lost: A batch is created, and the answer is 500.
        cut: The connection breaks in the middle of a downloaded file.
        retry_after: Seconds in the header `Retry-After` of a 429; 0 for no such header.
        list_lag: Seconds for which a new file or batch is missing from lists.
        enqueued_tokens: Tokens that the batches of one model may hold at one time; 0 for any number.
        latency: Real seconds that every call takes.
    """

    throttled: float = 0.0
    unavailable: float = 0.0
    create_lost: float = 0.0
    cut: float = 0.0
    retry_after: float = 0.0
    list_lag: float = 0.0
    enqueued_tokens: float = 0.0
    latency: float = 0.0

    def happens(self, name: str, random: Random) -> bool:
        """Whether the fault of this name strikes this call."""
        share: float = getattr(self, name)
        return share > 0 and random.random() < share


def parse(text: str) -> tuple[Faults, CallFaults]:
    """Read faults of batches, rows and calls from one text, as `failed=0.1,create_lost=1,list_lag=30`.

    Raises:
        ConfigurationError: No such fault, or a value that makes no sense.
    """
    names = {each.name for each in fields(CallFaults)}
    calls: dict[str, float] = {}
    others: list[str] = []
    for entry in text.replace(";", ",").split(","):
        name, _, value = (each.strip() for each in entry.partition("="))
        if name not in names:
            others.append(entry)
            continue
        try:
            calls[name] = float(value)
        except ValueError as error:
            raise ConfigurationError(f"fault {name!r} takes a number, not {value!r}") from error
    return Faults.parse(",".join(others)), CallFaults(**calls)
