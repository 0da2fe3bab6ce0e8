"""Faults of calls to the service itself; faults of jobs and rows are in `gemchain.simulated.faults`."""

from dataclasses import dataclass, fields
from random import Random

from gemchain.errors import ConfigurationError
from gemchain.simulated.faults import Faults

__all__ = ["CallFaults", "parse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFaults:
    """How often calls fail: probabilities, except for the last.

    Attributes:
        throttled: The call does nothing and answers 429.
        unavailable: The call does nothing and answers 503.
        create_lost: A job is created, and the answer is 503.
        list_lag: Seconds for which a new job is missing from lists.
    """

    throttled: float = 0.0
    unavailable: float = 0.0
    create_lost: float = 0.0
    list_lag: float = 0.0

    def happens(self, name: str, random: Random) -> bool:
        """Whether the fault of this name strikes this call."""
        share: float = getattr(self, name)
        return share > 0 and random.random() < share


def parse(text: str) -> tuple[Faults, CallFaults]:
    """Read faults of jobs, rows and calls from one text, as `failed=0.1,create_lost=1,list_lag=30`.

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
