"""What users may hand to `submit`, put together as one request of the Messages API."""

from collections.abc import Mapping
from typing import Any

from gemchain.errors import RequestError
from gemchain.formats.anthropic.answer import RESULT_TOOL
from gemchain.formats.anthropic.schemas import enforced
from gemchain.formats.anthropic.settings_table import SETTINGS
from gemchain.formats.anthropic.spelling import SERVICE, file_block, spelled, tools
from gemchain.formats.config_names import read_config
from gemchain.formats.json_schema import check_schema
from gemchain.formats.own_messages import are_own
from gemchain.formats.plain_data import plain_data
from gemchain.formats.portable import misfit, portable
from gemchain.formats.schema import as_schema
from gemchain.ports import NO_OPTIONS, Attach, Composed, Options

__all__ = ["MAX_TOKENS", "NO_SAMPLING", "SAMPLING", "compose"]

MAX_TOKENS = 16_000
"""Tokens of an answer at most, where a request does not say, since the service wants to be told.

Every model that the service lists takes it, and so many tokens can be had in one answer without streaming,
in any lane. Unused ones cost nothing. https://platform.claude.com/docs/en/api/errors#long-requests
"""

RENAMED = {"max_output_tokens": "max_tokens", "system_instruction": "system", "system": "system"}
"""Names of Gemini's settings, and what they are called here."""

SAMPLING = ("temperature", "top_p", "top_k")

NO_SAMPLING = (
    f"{SERVICE} takes no {{name!r}}: since version 2026-10-21 its API refuses temperature, top_p and top_k "
    "for every model; leave it out, or use a Gemini or Mistral model, which take a temperature"
)


def compose(
    given: Any,
    config: Any = None,
    schema: Any = None,
    attach: Attach | None = None,
    options: Options = NO_OPTIONS,
) -> Composed:
    """The request that will be sent; see `Format.compose`.

    Args:
        given: A portable request, a dict in the form of the Messages API, a list of its messages, or an
            object of Anthropic's SDK.
        config: Fields of the Messages API; they win over those of `given`. A few names of Gemini's settings
            are understood, too.
        schema: A JSON schema or a pydantic model class. The service holds the model to it (`output_config`).
            What it cannot be held to, such as a schema that refers to itself, is asked for as the input of
            a tool that the model has to use.
        attach: Called for each local file. None names files only, to compare requests.
        options: Settings that mean the same for every provider; they win over `config`.

    Raises:
        RequestError: It can never work.
    """
    request = _request(given, attach)
    if config is not None:
        found = read_config(config, SETTINGS, RENAMED, schema)
        request |= _fields(found.settings, attach)
        schema = found.schema
    request |= _settings(options)
    if request:
        request.setdefault("max_tokens", MAX_TOKENS)
    if schema is None:
        return Composed(request)
    sent, model = as_schema(schema)
    return Composed(_with_schema(request, sent), sent, model)


def _request(given: Any, attach: Attach | None) -> dict[str, Any]:
    if are_own(given):
        given = {"messages": list(given)}
    found = portable(given, attach)
    if found is not None:
        return spelled(found)
    if isinstance(given, Mapping) or (hasattr(given, "model_dump") and not isinstance(given, type)):
        request = plain_data(given, file_block, attach)
        if isinstance(request, dict):
            return request
    raise RequestError(
        "a request is a text, a list of texts and Paths, messages, or a dict with 'messages', "
        f"{misfit(given)}"
    )


def _fields(fields: dict[str, Any], attach: Attach | None) -> dict[str, Any]:
    if "messages" in fields:
        raise RequestError("config has 'messages', which are the request; hand them over as the request")
    found: dict[str, Any] = plain_data(fields, file_block, attach)
    return found


def _settings(options: Options) -> dict[str, Any]:
    if options.temperature is not None:
        raise RequestError(NO_SAMPLING.format(name="temperature"))
    found: dict[str, Any] = {"system": options.system, "max_tokens": options.max_output_tokens}
    if options.tools is not None:
        found["tools"] = tools(options.tools)
    return {name: value for name, value in found.items() if value is not None}


def _with_schema(request: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    closed = enforced(schema)
    if closed is not None:
        before = request.get("output_config")
        kept = before if isinstance(before, dict) else {}
        return {**request, "output_config": {**kept, "format": {"type": "json_schema", "schema": closed}}}
    check_schema(schema, "schema")  # a slip in it is no matter of what Claude can be held to
    if schema.get("type") != "object" or request.get("tools"):
        raise RequestError(
            f"{SERVICE} cannot be held to this schema: it refers to itself, has objects with properties of "
            "any name, or keywords such as 'not', and only an object without tools beside it can be asked "
            "for in another way; describe every property by name, or use a Gemini model"
        )
    tool = {"name": RESULT_TOOL, "description": "Gives the answer.", "input_schema": schema}
    return {**request, "tools": [tool], "tool_choice": {"type": "tool", "name": RESULT_TOOL}}
