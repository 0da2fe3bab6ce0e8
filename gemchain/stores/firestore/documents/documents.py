"""Records as documents and back.

A document shows what a person looks for as plain fields: state, path, chain, the names of the next
functions, times as times. A field that is empty is not there. Beside the record's own fields stand
a few that exist only while a query needs them; no other field is indexed (`firestore.indexes.json`):

```
collection  field       exists                         holds                    finds
prompts     queue       QUEUED and ready               queue (and priority)     what can be claimed
            resting     QUEUED and resting             queue, end of the rest   retried prompts
            expires     QUEUED, WAITING: a deadline    shard, deadline          overdue prompts
            revisit     ANSWERED                       end of the rest          callbacks to run again
            open_chain  not ended                      chain                    whether a chain goes on
            open_join   not ended, in a join's branch  join                     whether a join still waits
            join_id     in a join's branch             join                     the branches of a join
            awaits      WAITING for a chain's end      that chain               waits that are over
            member      in a batch                     batch and state          what a batch holds
            unsettled   marked                         chain                    chains to look at
            chain_id, state
chains      state, owner
batches     open        not CLOSED or FAILED           true
            shelf       always                         state, time of creation  lists, newest first
parts       open        not DONE                       batch
            batch_id
```

`retry_callbacks`, `resting` and `expires` rise with time, and an index that does so takes some 500 writes a
second. The first two concern only prompts that went wrong; `expires`, which a user may set on all, is
spread over shards.
"""

import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, TypeVar

from gemchain.records import AnswerRef, Batch, Chain, Part, Progress, Prompt, Usage, codec, damage
from gemchain.records.states import (
    OPEN_BATCH,
    UNFINISHED_PROMPT,
    BatchState,
    ChainState,
    PartState,
    PromptState,
)

__all__ = [
    "INDEXED",
    "SHARDS",
    "SPILLABLE",
    "WITHOUT_REQUEST",
    "batch_fields",
    "batch_record",
    "chain_fields",
    "chain_record",
    "expires_key",
    "member_key",
    "part_fields",
    "part_record",
    "progress_fields",
    "prompt_fields",
    "prompt_record",
    "queue_key",
    "queue_of",
    "resting_key",
    "shelf_key",
]

INDEXED = {
    "prompts": (
        *("queue", "resting", "expires", "revisit", "open_chain", "open_join"),
        *("join_id", "awaits", "member", "unsettled", "chain_id", "state"),
    ),
    "chains": ("state", "owner"),
    "batches": ("open", "shelf"),
    "parts": ("open", "batch_id"),
    "queues": (),
    "births": (),
    "tallies": (),
    "runs": (),
}
"""The fields that queries use, in each collection; `firestore.indexes.json` exempts all others."""

SPILLABLE = (
    *("request", "params", "result", "failure", "schema"),
    *("closure", "rules", "args", "labels", "output"),
)
"""Texts of any length: long ones lie in blobs, and the document's `spilled` says where."""

SHARDS = 8

_ENDED = frozenset({PromptState.DONE, PromptState.FAILED, PromptState.CANCELLED})

R = TypeVar("R", Batch, Chain, Part)

# Keys of queues


def queue_key(queue: str, priority: int) -> str:
    """What `queue` holds: the queue's name, and what is urgent or can wait under a name of its own.

    In the order of keys, urgent ones stand behind ` !` with the most urgent first, low ones behind ` ~`.
    """
    name = queue.replace("%", "%25").replace(" ", "%20")
    if priority == 0:
        return name
    return f"{name} !{99 - priority:02d}" if priority > 0 else f"{name} ~{-priority:02d}"


def queue_of(key: str) -> str:
    """The queue's name in a `queue` or `resting` field."""
    return urllib.parse.unquote(key.partition(" ")[0])


def resting_key(queue: str, until: datetime) -> str:
    """What `resting` holds: the queue's name and the end of the rest, so that the order is by time."""
    return f"{queue_key(queue, 0)} {codec.to_micros(until):020d}"


def expires_key(shard: int | str, deadline: datetime) -> str:
    """What `expires` holds: a shard, so that deadlines of one time do not meet in one place of the index."""
    return f"{shard} {codec.to_micros(deadline):020d}"


def member_key(batch_id: str, state: PromptState) -> str:
    """What `member` holds: the batch, and the prompt's state in it."""
    return f"{batch_id} {state}"


def shelf_key(state: BatchState, created_at: datetime) -> str:
    """What a batch's `shelf` holds: state and time of creation."""
    return f"{state} {codec.to_micros(created_at):020d}"


def _shard(record_id: str) -> int:
    return sum(record_id[-2:].encode()) % SHARDS


# Prompts

_NOT_ASKED = {"id", "progress", "version", "damage"}
_ASKED = tuple(each.name for each in fields(Prompt) if each.name not in _NOT_ASKED)
_ANSWER = tuple(f"answer_{name}" for name in AnswerRef._fields)
_STANDING = tuple(
    each.name for each in fields(Progress) if each.name not in {"answer", "usage", "failure", "unsettled"}
)
WITHOUT_REQUEST = (
    *_ASKED,
    *_STANDING,
    *_ANSWER,
    *Usage._fields,
    "failure",
    "unsettled",
    "first",
    "chain_at",
    *(f"spilled.{name}" for name in ("params", "result", "failure", "schema", "closure", "rules", "labels")),
)
"""Everything that a prompt's record is made of."""


def prompt_fields(prompt: Prompt, request: str, keep: timedelta | None = None) -> dict[str, Any]:
    """The document of a new prompt."""
    asked = {name: getattr(prompt, name) for name in _ASKED}
    asked |= {"accept": prompt.accept or None, "owner": prompt.owner or None}
    return asked | {"request": request} | progress_fields(prompt, prompt.progress, keep)


def progress_fields(prompt: Prompt, progress: Progress, keep: timedelta | None = None) -> dict[str, Any]:
    """Everything in a prompt's document that ever changes, while it stands like this."""
    content = {name: getattr(progress, name) for name in _STANDING}
    content["state"] = str(progress.state)
    content["failure"] = codec.failure_to_text(progress.failure)
    content |= zip(_ANSWER, progress.answer or (None,) * len(_ANSWER), strict=True)
    content |= {name: amount or None for name, amount in progress.usage._asdict().items()}
    return content | _found_by(prompt, progress) | {"expire_at": _expiry(prompt, progress, keep)}


def _found_by(prompt: Prompt, progress: Progress) -> dict[str, Any]:
    state, until = progress.state, progress.not_before_at
    queued, answered = state is PromptState.QUEUED, state is PromptState.ANSWERED
    deadline = prompt.deadline_at if queued or state is PromptState.WAITING else None
    return {
        "queue": queue_key(prompt.queue, prompt.priority) if queued and until is None else None,
        "resting": resting_key(prompt.queue, until) if queued and until is not None else None,
        "expires": expires_key(_shard(prompt.id), deadline) if deadline is not None else None,
        "revisit": (codec.to_micros(until) or 0) if answered else None,
        "open_chain": prompt.chain_id if state in UNFINISHED_PROMPT else None,
        "open_join": prompt.join_id if state in UNFINISHED_PROMPT else None,
        "awaits": prompt.key if state is PromptState.WAITING and prompt.kind == "chain" else None,
        "member": None if progress.batch_id is None else member_key(progress.batch_id, state),
        "unsettled": prompt.chain_id if progress.unsettled else None,
    }


def _expiry(prompt: Prompt, progress: Progress, keep: timedelta | None) -> datetime | None:
    """A forked chain's end is made of its prompts' results, an async chain goes on from them: those stay."""
    if keep is None or prompt.forked or prompt.durable:
        return None
    if progress.ended_at is None or progress.state not in _ENDED:
        return None
    return progress.ended_at + keep


def prompt_record(prompt_id: str, content: Mapping[str, Any], version: int) -> Prompt:
    """The prompt in a document; its request may be missing. What makes no sense is in its `damage`."""
    asked = {name: content[name] for name in _ASKED if name in content} | {"id": prompt_id}
    asked["accept"] = _decoded(tuple, asked.get("accept", ()))
    return damage.prompt_of(asked, _standing(content), version)


def _standing(content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a prompt's progress; each is looked at by `damage.prompt_of`."""
    standing = {name: content[name] for name in _STANDING if name in content}
    standing["state"] = _decoded(PromptState, content.get("state"))
    if _ANSWER[0] in content:
        standing["answer"] = _decoded(damage.answer_of, [content.get(name) for name in _ANSWER])
    amounts = {name: content[name] for name in Usage._fields if name in content}
    standing["usage"] = _decoded(damage.usage_of, amounts)
    standing["failure"] = _decoded(codec.failure_from_text, content.get("failure"))
    standing["unsettled"] = "unsettled" in content
    return standing


def _decoded(decode: Callable[[Any], Any], value: Any) -> Any:
    try:
        return decode(value)
    except damage.UNREADABLE as error:
        return damage.Unreadable(type(error).__name__)  # its text may hold what must not be logged


# Chains, batches, parts: their fields are called as in the record

_CODECS: Mapping[str, tuple[Any, Any]] = {
    "failure": (codec.failure_to_text, codec.failure_from_text),
    "output": (codec.files_to_text, codec.files_from_text),
    "file": (codec.file_to_text, codec.file_from_text),
    "counts": (codec.counts_to_text, codec.counts_from_text),
    "usage": (codec.usage_to_text, codec.usage_from_text),
    "state": (str, str),
}


def _fields(record: Batch | Chain | Part) -> dict[str, Any]:
    content = {
        each.name: getattr(record, each.name) for each in fields(record) if each.name not in {"id", "version"}
    }
    for name in _CODECS.keys() & content.keys():
        content[name] = _CODECS[name][0](content[name])
    if not content.get("owner", True):
        content["owner"] = None
    return content


def _record(kind: type[R], state: type[Any], record_id: str, content: Mapping[str, Any], version: int) -> R:
    known = {each.name for each in fields(kind)}
    values = {name: value for name, value in content.items() if name in known}
    for name in _CODECS.keys() & values.keys():
        values[name] = _decoded(_CODECS[name][1], values[name])
    values["state"] = _decoded(state, values.get("state"))
    return damage.record_of(kind, values | {"id": record_id, "version": version})


def chain_fields(chain: Chain, keep: timedelta | None = None) -> dict[str, Any]:
    """The document of a chain."""
    ended = chain.ended_at if chain.state is not ChainState.RUNNING else None
    return _fields(chain) | {"expire_at": None if keep is None or ended is None else ended + keep}


def chain_record(chain_id: str, content: Mapping[str, Any], version: int) -> Chain:
    """The chain in a document; `DamagedError` when it makes no sense."""
    return _record(Chain, ChainState, chain_id, content, version)


def batch_fields(batch: Batch) -> dict[str, Any]:
    """The document of a batch."""
    return _fields(batch) | {
        "open": True if batch.state in OPEN_BATCH else None,
        "shelf": shelf_key(batch.state, batch.created_at),
    }


def batch_record(batch_id: str, content: Mapping[str, Any], version: int) -> Batch:
    """The batch in a document; `DamagedError` when it makes no sense."""
    return _record(Batch, BatchState, batch_id, content, version)


def part_fields(part: Part) -> dict[str, Any]:
    """The document of a part."""
    return _fields(part) | {"open": None if part.state is PartState.DONE else part.batch_id}


def part_record(part_id: str, content: Mapping[str, Any], version: int) -> Part:
    """The part in a document; `DamagedError` when it makes no sense."""
    return _record(Part, PartState, part_id, content, version)
