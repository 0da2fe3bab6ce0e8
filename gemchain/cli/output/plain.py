"""Records as plain data: what `--json` prints, and what the tables are made of."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import orjson

from gemchain.base import jsontext
from gemchain.records import Batch, Chain, Failure, Prompt

__all__ = ["batch_data", "chain_data", "emit", "failure_data", "plain", "prompt_data"]


def plain(value: Any) -> Any:  # noqa: PLR0911 -- one for each kind
    """Dataclasses, named tuples, enums and times as what JSON knows. Empty fields are kept."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, Mapping):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def emit(value: Any) -> None:
    """Print data as JSON on stdout."""
    print(orjson.dumps(plain(value), option=orjson.OPT_INDENT_2).decode())


def failure_data(failure: Failure | None) -> dict[str, Any] | None:
    """A failure; the traceback only where there is one."""
    if failure is None:
        return None
    data: dict[str, Any] = plain(failure)
    return data if failure.traceback else {name: value for name, value in data.items() if name != "traceback"}


def _opened(text: str | None) -> Any:
    return None if text is None else jsontext.load(text)


def chain_data(chain: Chain) -> dict[str, Any]:
    """A chain without what concerns only the store."""
    return {
        "id": chain.id,
        "key": chain.key,
        "function": chain.function,
        "arguments": _opened(chain.args),
        "state": chain.state.value,
        "created_at": plain(chain.created_at),
        "ended_at": plain(chain.ended_at),
        "result": _opened(chain.result),
        "failure": failure_data(chain.failure),
    }


def prompt_data(prompt: Prompt) -> dict[str, Any]:
    """A prompt without what concerns only the store."""
    progress = prompt.progress
    return {
        "id": prompt.id,
        "chain": prompt.chain_id,
        "parent": prompt.parent_id,
        "path": prompt.path,
        "depth": prompt.depth,
        "kind": prompt.kind,
        "provider": prompt.provider,
        "model": prompt.model,
        "callback": prompt.callback,
        "on_error": prompt.on_error,
        "params": _opened(prompt.params),
        "state": progress.state.value,
        "attempt": progress.attempt,
        "max_attempts": prompt.max_attempts,
        "callback_attempts": progress.callback_attempts,
        "batch": progress.batch_id,
        "created_at": plain(prompt.created_at),
        "claimed_at": plain(progress.claimed_at),
        "answered_at": plain(progress.answered_at),
        "ended_at": plain(progress.ended_at),
        "not_before_at": plain(progress.not_before_at),
        "deadline_at": plain(prompt.deadline_at),
        "usage": plain(progress.usage),
        "failure": failure_data(progress.failure),
        "result": _opened(progress.result),
    }


def batch_data(batch: Batch) -> dict[str, Any]:
    """A batch without what concerns only the store."""
    names = ("created_at", "sent_at", "poll_at", "arrived_at", "closed_at", "leased_until_at")
    return {
        "id": batch.id,
        "provider": batch.provider,
        "model": batch.model,
        "state": batch.state.value,
        "prompts": batch.requests,
        "bytes": batch.size,
        "job": batch.job,
        **{name: plain(getattr(batch, name)) for name in names},
        "input": batch.input_uri,
        "output": [file.uri for file in batch.output],
        "parts": batch.parts,
        "counts": {name: number for name, number in batch.counts._asdict().items() if number},
        "usage": plain(batch.usage),
        "failure": failure_data(batch.failure),
    }
