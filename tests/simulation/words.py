"""Events in words, for whoever replays a seed."""

import re
from hashlib import blake2b

from gemchain.records import Batch, Part
from tests.simulation.scheduler import SECOND

_IDS = re.compile(r"\b([cpbju])([0-9a-f]{30})\b")
_SHORT = 5


class Words:
    """Turns events into lines; every id is told by a letter, a few digits, and the node it stands for."""

    def __init__(self, names):
        self._names = names

    def line(self, event):
        """One event."""
        outcome = "" if event.outcome is None else f"  -> {self._value(event.outcome)}"
        about = self._value(event.about)
        text = f"{event.at / SECOND:10.3f}  {event.process:<10} {event.name:<14} {about}{outcome}"
        return _IDS.sub(self._id, text)

    def lines(self, events):
        """Many events."""
        return [self.line(each) for each in events]

    def text(self, value):
        """Any text, with its ids made readable."""
        return _IDS.sub(self._id, str(value))

    def _id(self, found):
        name = self._names.get(found[0])
        return f"{name}({found[1]}{found[2][:_SHORT]})" if name else found[1] + found[2][:_SHORT]

    def _value(self, value):
        match value:
            case None:
                return ""
            case Batch():
                sent = f"job {value.job} asked {_time(value.create_at)}"
                return f"{value.id} {value.state} fence {value.fence} {sent}"
            case Part():
                return f"{value.id} {value.state} fence {value.fence} lease {_time(value.leased_until_at)}"
            case tuple() | list():
                return " ".join(filter(None, map(self._value, value)))
        return self._record(value)

    def _record(self, value):
        if hasattr(value, "moves"):
            return self._unit(value)
        if hasattr(value, "request"):
            return value.prompt_id
        if hasattr(value, "name") and hasattr(value, "state"):
            return f"{value.name} {value.state.value}"
        return getattr(value, "value", None) or str(value)

    def _unit(self, unit):
        moves = [
            f"{move.prompt.id} {move.prompt.progress.state}->{move.after.state}"
            + (f" ({move.after.failure.reason})" if move.after.failure else "")
            for move in unit.moves
        ]
        born = [f"+{draft.prompt.id}" for draft in unit.drafts]
        chain = [f"new chain {unit.chain.id}"] if unit.chain else []
        ending = [f"chain {unit.ending.chain_id} ->{unit.ending.after}"] if unit.ending else []
        return f"[{' '.join(chain + moves + born + ending)}]"


def _time(at):
    return "-" if at is None else f"{at:%H:%M:%S.%f}"[:-3]


def digest(report):
    """A hash of everything that happened."""
    text = "\n".join(Words(report.names).lines(report.trace))
    return blake2b(f"{text}\n{report.violation}".encode(), digest_size=8).hexdigest()
