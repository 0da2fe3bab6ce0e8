"""Records as data for `--json`: JSON values for every type, and the fields of chains, prompts and batches."""

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import orjson

from gemchain.base import jsontext
from gemchain.records import Batch, Chain, Failure, Prompt
from gemchain.records.arguments import arguments_of
from gemchain.records.lanes import split

__all__ = ["batch_data", "chain_data", "failure_data", "json_value", "print_json", "prompt_data"]


def json_value(value: Any) -> Any:
    """Dataclasses, named tuples, enums and times as JSON values. Empty fields are kept."""
    convert = next((convert for is_kind, convert in _CONVERSIONS if is_kind(value)), None)
    return value if convert is None else convert(value)


def _is_record(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_asdict")


_CONVERSIONS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (lambda value: isinstance(value, Enum), lambda value: value.value),
    (lambda value: isinstance(value, datetime), lambda value: value.isoformat()),
    (
        _is_record,
        lambda value: {
            each.name: json_value(getattr(value, each.name)) for each in dataclasses.fields(value)
        },
    ),
    (_is_named_tuple, lambda value: json_value(value._asdict())),
    (
        lambda value: isinstance(value, Mapping),
        lambda value: {json_value(key): json_value(each) for key, each in value.items()},
    ),
    (lambda value: isinstance(value, list | tuple), lambda value: [json_value(each) for each in value]),
)
"""The first entry whose test holds converts the value; others are JSON values already."""


def print_json(value: Any) -> None:
    """Print data as JSON on stdout."""
    print(orjson.dumps(json_value(value), option=orjson.OPT_INDENT_2).decode())


def failure_data(failure: Failure | None) -> dict[str, Any] | None:
    """The fields of a failure; the traceback only where there is one."""
    if failure is None:
        return None
    data: dict[str, Any] = json_value(failure)
    return data if failure.traceback else {name: value for name, value in data.items() if name != "traceback"}


def _parsed(text: str | None) -> Any:
    return None if text is None else jsontext.load(text)


def chain_data(chain: Chain) -> dict[str, Any]:
    """The fields of a chain, without those that only the store uses."""
    return {
        "id": chain.id,
        "key": chain.key,
        "function": chain.function,
        "arguments": arguments_of(chain.args),
        "state": chain.state.value,
        "created_at": json_value(chain.created_at),
        "ended_at": json_value(chain.ended_at),
        "result": _parsed(chain.result),
        "failure": failure_data(chain.failure),
    }


def prompt_data(prompt: Prompt) -> dict[str, Any]:
    """The fields of a prompt, without those that only the store uses."""
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
        "lane": split(prompt.lane)[0],
        "callback": prompt.callback,
        "on_error": prompt.on_error,
        "params": _parsed(prompt.params),
        "state": progress.state.value,
        "attempt": progress.attempt,
        "max_attempts": prompt.max_attempts,
        "callback_attempts": progress.callback_attempts,
        "batch": progress.batch_id,
        "created_at": json_value(prompt.created_at),
        "claimed_at": json_value(progress.claimed_at),
        "answered_at": json_value(progress.answered_at),
        "ended_at": json_value(progress.ended_at),
        "not_before_at": json_value(progress.not_before_at),
        "deadline_at": json_value(prompt.deadline_at),
        "usage": json_value(progress.usage),
        "failure": failure_data(progress.failure),
        "result": _parsed(progress.result),
    }


def batch_data(batch: Batch) -> dict[str, Any]:
    """The fields of a batch, without those that only the store uses."""
    names = ("created_at", "sent_at", "poll_at", "arrived_at", "closed_at", "leased_until_at")
    return {
        "id": batch.id,
        "provider": batch.provider,
        "model": batch.model,
        "lane": batch.lane,
        "state": batch.state.value,
        "prompts": batch.requests,
        "bytes": batch.size,
        "job": batch.job,
        **{name: json_value(getattr(batch, name)) for name in names},
        "input": batch.input_uri,
        "output": [file.uri for file in batch.output],
        "parts": batch.parts,
        "counts": {name: number for name, number in batch.counts._asdict().items() if number},
        "usage": json_value(batch.usage),
        "failure": failure_data(batch.failure),
    }
