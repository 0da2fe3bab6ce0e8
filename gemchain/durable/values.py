"""Values passed between branches and joins: plain JSON, responses and errors, as JSON text and back.

A value keeps its kind (`{"response": …}`, `{"error": …}`, `{"list": […]}`, `{"tuple": […]}`, `{"dict": {…}}`,
`{"value": …}`), so that what a join hands over is what the branch gave.
"""

import ast
import builtins
import traceback
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from gemchain.base import jsontext
from gemchain.durable import exceptions
from gemchain.errors import Abort
from gemchain.formats.registry import DEFAULT, format_named
from gemchain.formats.response import PromptError, Response, parser
from gemchain.records import Failure
from gemchain.runtime import active

__all__ = ["error_of", "failure_of", "pack", "unpack"]

READ = 1_000
"""Characters of a key that are read: deeply nested text would take all of the stack."""


def pack(value: Any) -> str:
    """JSON text of a value.

    Raises:
        TypeError: Something in it is not JSON.
    """
    return jsontext.dump(_packed(value))


def _packed(value: Any) -> dict[str, Any]:
    if isinstance(value, Response):
        packed = {
            "response": value.raw,
            "model": value.model,
            "prompt": value.prompt_id,
            "schema": value.schema,
        }
        return packed if value.wire_format.name == DEFAULT else packed | {"format": value.wire_format.name}
    if isinstance(value, Exception):
        return {"error": asdict(failure_of(value)), "prompt": getattr(value, "prompt_id", "")}
    return {"value": value} if _is_plain(value) else _packed_all(value)


def _packed_all(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"dict": {name: _packed(each) for name, each in value.items()}}
    return {"tuple" if isinstance(value, tuple) else "list": [_packed(each) for each in value]}


def _is_plain(value: Any) -> bool:
    """Whether nothing in it needs more than JSON to come back as it was."""
    if isinstance(value, list | dict):
        return all(map(_is_plain, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, Response | Exception | tuple)


def unpack(text: str) -> Any:
    """The value behind the text of `pack`."""
    return _unpacked(jsontext.load(text))


def _unpacked(packed: dict[str, Any]) -> Any:
    if "response" in packed:
        schema = packed["schema"]
        return Response(
            packed["response"],
            model=packed["model"],
            prompt_id=packed["prompt"],
            schema=schema,
            wire_format=format_named(packed.get("format", DEFAULT)),
            parse=None if schema is None else parser(schema, active().continuations.resolve_model),
        )
    if "error" in packed:
        return error_of(Failure(**packed["error"]), packed["prompt"])
    if "list" in packed:
        return [_unpacked(each) for each in packed["list"]]
    if "tuple" in packed:
        return tuple(_unpacked(each) for each in packed["tuple"])
    if "dict" in packed:
        return {name: _unpacked(each) for name, each in packed["dict"].items()}
    return packed["value"]


def failure_of(error: Exception) -> Failure:
    """What is kept of an error: enough to raise it again elsewhere."""
    if isinstance(error, PromptError):
        return error.failure
    if isinstance(error, Abort):
        return Failure("aborted", error.reason)
    text, cause = exceptions.to_text(error), error.__cause__
    if isinstance(cause, PromptError) and text is not None and cause.failure.error == text:
        return cause.failure  # it came out of a gather: its own traceback says more than this one
    lines = "".join(traceback.format_exception(error))
    return Failure("raised", exceptions.in_words(error), traceback=lines, error=text)


def error_of(failure: Failure, prompt_id: str = "") -> Exception:
    """The error that a failure stands for.

    What a branch of an async chain raised comes back as what it was, if that is one of Python's own
    exceptions or one of the application's, so that `except OutOfStock` means the same around an
    `await gather(...)` as without one. What is known of where it was raised is its `__cause__`.
    """
    described = PromptError(failure, prompt_id=prompt_id)
    error = _raised(failure)
    if error is None:
        return described
    error.__cause__ = described
    return error


def _raised(failure: Failure) -> Exception | None:
    if failure.reason != "raised":
        return None
    again = None if failure.error is None else exceptions.from_text(failure.error)
    if again is None:
        name, _, text = failure.message.partition(": ")
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            return _builtin(kind, text)
    return again


def _builtin(kind: type[Exception], text: str) -> Exception:
    """One of Python's own exceptions with this text, or if it takes more than a text, one it derives from."""
    if issubclass(kind, KeyError) and len(text) < READ:  # its text is the repr of its key
        with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return kind(ast.literal_eval(text))
    for each in kind.__mro__:
        with suppress(TypeError):
            error: Exception = each(text) if text else each()
            return error
    raise AssertionError(kind)
