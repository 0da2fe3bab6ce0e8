"""Values on their way between branches and joins: plain JSON, responses and errors, as JSON text and back.

A value keeps its kind (`{"response": …}`, `{"error": …}`, `{"list": […]}`, `{"value": …}`), so that what a
join hands over is what the branch gave.
"""

import builtins
from dataclasses import asdict
from typing import Any

from gemchain import jsontext
from gemchain.records import Failure
from gemchain.responses import PromptError, Response, parser

__all__ = ["error_of", "failure_of", "pack", "unpack"]


def pack(value: Any) -> str:
    """JSON text of a value.

    Raises:
        TypeError: Something in it is not JSON.
    """
    return jsontext.dump(_packed(value))


def _packed(value: Any) -> dict[str, Any]:
    if isinstance(value, Response):
        return {
            "response": value.raw,
            "model": value.model,
            "prompt": value.prompt_id,
            "schema": value.schema,
        }
    if isinstance(value, Exception):
        return {"error": asdict(failure_of(value)), "prompt": getattr(value, "prompt_id", "")}
    if isinstance(value, list) and any(isinstance(each, Response | Exception | list) for each in value):
        return {"list": [_packed(each) for each in value]}
    return {"value": value}


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
            parse=None if schema is None else parser(schema),
        )
    if "error" in packed:
        return error_of(Failure(**packed["error"]), packed["prompt"])
    if "list" in packed:
        return [_unpacked(each) for each in packed["list"]]
    return packed["value"]


def failure_of(error: Exception) -> Failure:
    """What is kept of an error: enough to raise it again elsewhere."""
    if isinstance(error, PromptError):
        return Failure(error.reason, error.message, traceback=error.traceback)
    return Failure("raised", f"{type(error).__name__}: {error}")


def error_of(failure: Failure, prompt_id: str = "") -> Exception:
    """The error that a failure stands for.

    What a branch of an async chain raised comes back as what it was, if that is one of Python's own
    exceptions, so that `except ValueError` means the same around an `await gather(...)` as without one.
    """
    if failure.reason == "raised":
        name, _, text = failure.message.partition(": ")
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            return kind(text) if text else kind()
    return PromptError(failure, prompt_id=prompt_id)
