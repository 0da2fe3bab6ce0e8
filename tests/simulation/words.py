"""Events in words, for whoever replays a seed."""

import re
from dataclasses import fields
from hashlib import blake2b

from gemchain.ports import Job
from gemchain.records import Batch, InputRow, Part, Prompt, Unit
from tests.simulation.scheduler import EPOCH, SECOND

_IDS = re.compile(r"\b([cpbju])([0-9a-f]{30})\b")
_SHORT = 5


class Words:
    """Turns events into lines; every id is told by a letter, a few digits, and the node it stands for."""

    def __init__(self, names):
        self._names = names

    def line(self, event):
        """One event."""
        about = self._value(event.about)
        text = f"{event.at / SECOND:10.3f}  {event.process:<10} {event.name:<14} {about}"
        return _IDS.sub(self._id, text + self._outcome(event, about))

    def _outcome(self, event, about):
        if event.outcome is None:
            return ""
        told = self._value(event.outcome)
        return "  ok" if told in (about, "applied") else f"  -> {told or 'nothing'}"

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
            case float():
                return f"{value:.3f} s"
            case InputRow():
                return value.prompt_id
            case Batch() | Part() | Prompt() | Unit() | Job():
                return self._record(value)
            case tuple() | list():
                return " ".join(filter(None, map(self._value, value)))
        return getattr(value, "value", None) or str(value)

    def _record(self, value):
        match value:
            case Batch():
                return self._batch(value)
            case Part():
                until = f"until {_time(value.leased_until_at)}" if value.leased_until_at else "not leased"
                return f"{value.id} {value.state} fence {value.fence} {until}"
            case Prompt():
                return f"{value.id} {value.progress.state}"
            case Unit():
                return self._unit(value)
        return f"{value.name} {value.state.value}"

    def _batch(self, batch):
        told = [f"{batch.id} {batch.state} fence {batch.fence}"]
        told += [f"asked at {_time(batch.create_at)}"] if batch.create_at else []
        told += [f"as {batch.job}"] if batch.job else []
        return " ".join(told)

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
    return f"{(at - EPOCH).total_seconds():.3f}"


def digest(report):
    """A hash of everything that happened."""
    text = "\n".join(Words(report.names).lines(report.trace))
    return blake2b(f"{text}\n{report.violation}".encode(), digest_size=8).hexdigest()


def legend(world):
    """What the seed drew: faults, settings, and what each program does."""
    rates = {each.name: getattr(world.rates, each.name) for each in fields(world.rates)}
    theme = rates.pop("theme")
    told = ", ".join(f"{name} {rate:.2g}" for name, rate in rates.items() if rate)
    shape = {each.name: getattr(world.shape, each.name) for each in fields(world.shape)}
    settings = shape.pop("settings")
    lines = [f"faults ({theme or 'no theme'}): {told}"]
    lines.append(", ".join(f"{name} {value}" for name, value in shape.items()))
    lines.append(f"lease {settings.lease}, max_attempts {settings.max_attempts}, group {settings.group}")
    for program, roots in world.plan.programs.items():
        lines.append(f"{program}: submits {', '.join(roots) or 'nothing'}")
    for program, body in world.plan.bodies.items():
        lines += [f"{program}, async:", *_body(world, body, 1)]
    awaited = {name for body in world.plan.bodies.values() for name in _nodes(body)}
    nodes = [each for each in world.plan.nodes.values() if each.id not in awaited]
    return [*lines, *(f"  {each.id}: {_node(each)}" for each in nodes)]


def _nodes(body):
    for each in body:
        yield each.node
        yield from _nodes([*each.body, *each.branches, *each.handler])


def _node(node):
    what = repr(node.text)
    if node.waits:
        what = "a person"
    if node.branches is not None:
        what = f"gather of {', '.join(node.branches) or 'nothing'}"
    rescue = "" if node.rescue is None else f"; on_error {_then(node.rescue)}"
    return f"{what}, then {_then(node.then)}{rescue}"


def _then(then):
    told = [f"{then.mood} {then.raises} times"] if then.raises else []
    told += [f"start {then.starts}"] if then.starts else []
    told += [f"{'some of ' if then.fickle else ''}{', '.join(then.children)}"] if then.children else []
    return ", ".join(told) or "end"


def _body(world, body, depth):
    lines, margin = [], "  " * depth
    for each in body:
        what = world.plan.nodes[each.node].text if each.node else each.starts or each.text
        rounds = f" x {each.count}" if each.count else ""
        lines.append(f"{margin}{each.id} {each.does} {what}{rounds}".rstrip())
        lines += _body(world, [*each.body, *each.branches], depth + 1)
        if each.handler:
            lines.append(f"{margin}except {', '.join(each.caught)}:")
            lines += _body(world, each.handler, depth + 1)
    return lines
