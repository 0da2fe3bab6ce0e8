"""What users may hand to `submit`, put together as one chat completion: input, `config` and `schema`."""

from collections.abc import Mapping, Sequence
from typing import Any

from gemchain.errors import RequestError
from gemchain.formats.openai_chat.answer_format import response_format
from gemchain.formats.openai_chat.config import read_config
from gemchain.formats.openai_chat.dialect import Dialect
from gemchain.formats.openai_chat.spelling import spelled, spelled_tools, system_message
from gemchain.formats.plain_data import plain_data
from gemchain.formats.portable import ROLES, is_messages, misfit, portable
from gemchain.formats.schema import as_schema
from gemchain.ports import NO_OPTIONS, Attach, Composed, Options

__all__ = ["compose"]

LIMITS = ("max_completion_tokens", "max_tokens")
"""All names of the setting for the tokens of an answer; a request has one of them."""


def compose(
    dialect: Dialect,
    given: Any,
    config: Any = None,
    schema: Any = None,
    attach: Attach | None = None,
    options: Options = NO_OPTIONS,
) -> Composed:
    """The request that will be sent; see `Format.compose`.

    Raises:
        RequestError: It can never work.
    """
    request = _request(dialect, given, attach)
    if config is not None:
        found = read_config(dialect, config)
        schema = found.schema if schema is None else schema
        tools = _plain_tools(found.settings.pop("tools", None))
        settings = plain_data(found.settings, dialect.file_part, attach)
        request = _with_options(dialect, _merged(request, settings), Options(found.system, tools=tools))
    if options != NO_OPTIONS:
        request = _with_options(dialect, request, options)
    if schema is None:
        return Composed(request)
    sent, model = as_schema(schema)
    return Composed({**request, "response_format": response_format(dialect, sent, model)}, sent, model)


def _plain_tools(given: Any) -> Any:
    """Tools in which those of an SDK are dicts."""
    if not isinstance(given, list | tuple):
        return given
    return [
        each.model_dump(mode="json", by_alias=True, exclude_none=True)
        if hasattr(each, "model_dump") and not isinstance(each, type)
        else each
        for each in given
    ]


def _merged(request: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The request with these settings, which win over its own."""
    gone = LIMITS if settings.keys() & set(LIMITS) else ()
    return {name: value for name, value in request.items() if name not in gone} | dict(settings)


def _with_options(dialect: Dialect, request: dict[str, Any], options: Options) -> dict[str, Any]:
    settings = {"temperature": options.temperature, dialect.limit: options.max_output_tokens}
    request = _merged(request, {name: value for name, value in settings.items() if value is not None})
    if options.tools is not None:
        request.pop("tools", None)  # no tools is no list: an empty one is refused
        tools = plain_data(spelled_tools(options.tools), dialect.file_part)
        request |= {"tools": tools} if tools else {}
    if options.system is not None:
        request["messages"] = [system_message(options.system), *_without_system(request.get("messages"))]
    return request


def _without_system(messages: Any) -> list[Any]:
    found = messages if isinstance(messages, list) else []
    return [
        each
        for each in found
        if not isinstance(each, dict) or each.get("role") not in ("system", "developer")
    ]


def _request(dialect: Dialect, given: Any, attach: Attach | None) -> dict[str, Any]:
    if isinstance(given, list | tuple) and _are_own_messages(given):
        return _own({"messages": list(given)}, dialect, attach)
    found = portable(given, attach)
    if found is not None:
        return {"messages": spelled(dialect, found)}
    if isinstance(given, Mapping) or (hasattr(given, "model_dump") and not isinstance(given, type)):
        return _own(given, dialect, attach)
    raise RequestError(
        "a request is a text, a list of texts and Paths, messages [{'role': …, 'content': …}], or a dict "
        f"{{'messages': […]}} in {dialect.service}'s own form, {misfit(given)}"
    )


def _are_own_messages(given: Sequence[Any]) -> bool:
    """Whether these are messages of which at least one is in the service's own form."""
    plain = [each for each in given if isinstance(each, Mapping) or hasattr(each, "model_dump")]
    if not given or len(plain) != len(given):
        return False
    if not is_messages(given):
        return all(not isinstance(each, Mapping) or "role" in each for each in given)
    return any(_is_own_message(each) for each in given)


def _is_own_message(message: Mapping[str, Any]) -> bool:
    content, calls = message.get("content"), message.get("tool_calls")
    return (
        (isinstance(content, list | tuple) and any(isinstance(each, Mapping) for each in content))
        or (isinstance(calls, list | tuple) and any(_is_own_call(each) for each in calls))
        or (isinstance(message["role"], str) and message["role"] not in ROLES)
    )


def _is_own_call(call: Any) -> bool:
    return isinstance(call, Mapping) and bool(call.keys() & {"function", "custom"})


def _own(given: Any, dialect: Dialect, attach: Attach | None) -> dict[str, Any]:
    """A request in the service's own form; `Path`s and texts among parts are spelled as parts."""
    found = plain_data(given, dialect.file_part, attach)
    if not isinstance(found, dict):
        raise RequestError(f"the request must be a JSON object, not {type(found).__name__}")
    if "model" in found:
        raise RequestError(
            f"the request has 'model': {found['model']!r}; leave it out, since submit names the model"
        )
    for message in found["messages"] if isinstance(found.get("messages"), list) else ():
        if isinstance(message, dict) and isinstance(message.get("content"), list):
            message["content"] = [_part(each) for each in message["content"]]
    return found


def _part(given: Any) -> Any:
    return {"type": "text", "text": given} if isinstance(given, str) else given
