"""What users may hand to `submit`, put together as one request of the Responses API."""

import re
from collections.abc import Mapping
from typing import Any

from gemchain.errors import RequestError
from gemchain.formats.config_names import read_config
from gemchain.formats.openai_chat.answer_format import LONGEST_NAME, openai_schema
from gemchain.formats.openai_responses.settings_table import SETTINGS
from gemchain.formats.openai_responses.spelling import file_part, spelled, tools
from gemchain.formats.own_messages import are_own
from gemchain.formats.plain_data import plain_data
from gemchain.formats.portable import misfit, portable
from gemchain.formats.schema import as_schema
from gemchain.ports import NO_OPTIONS, Attach, Composed, Options

__all__ = ["compose"]

RENAMED = {"system_instruction": "instructions", "system": "instructions"}
"""Names of Gemini's settings, and what they are called here."""


def compose(
    given: Any,
    config: Any = None,
    schema: Any = None,
    attach: Attach | None = None,
    options: Options = NO_OPTIONS,
) -> Composed:
    """The request that will be sent; see `Format.compose`.

    Args:
        given: A portable request, a dict in the form of the Responses API, a list of its items, or an object
            of OpenAI's SDK. What is portable is not stored by OpenAI; see `spelling.spelled`.
        config: Fields of the Responses API; they win over those of `given`. A few names of Gemini's settings
            are understood, too.
        schema: A JSON schema or a pydantic model class. The model is held to it where it has a strict form
            (see `formats.strict_schema`), else only asked to keep to it.
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
    if schema is None:
        return Composed(request)
    sent, model = as_schema(schema)
    before = request.get("text")
    text = {**(before if isinstance(before, dict) else {}), "format": _format(sent, model)}
    return Composed({**request, "text": text}, sent, model)


def _request(given: Any, attach: Attach | None) -> dict[str, Any]:
    if are_own(given):
        given = {"input": list(given)}
    found = portable(given, attach)
    if found is not None:
        return spelled(found)
    if isinstance(given, Mapping) or (hasattr(given, "model_dump") and not isinstance(given, type)):
        request = plain_data(given, file_part, attach)
        if isinstance(request, dict):
            return request
    raise RequestError(
        f"a request is a text, a list of texts and Paths, messages, or a dict with 'input', {misfit(given)}"
    )


def _fields(fields: dict[str, Any], attach: Attach | None) -> dict[str, Any]:
    if "input" in fields:
        raise RequestError("config has 'input', which is the request; hand it over as the request")
    found: dict[str, Any] = plain_data(fields, file_part, attach)
    return found


def _settings(options: Options) -> dict[str, Any]:
    found: dict[str, Any] = {
        "instructions": options.system,
        "temperature": options.temperature,
        "max_output_tokens": options.max_output_tokens,
    }
    if options.tools is not None:
        found["tools"] = tools(options.tools)
    return {name: value for name, value in found.items() if value is not None}


def _format(schema: dict[str, Any], model: type | None) -> dict[str, Any]:
    """The schema as the service wants it: under a name, and strict where that is possible."""
    named = model.__name__ if model is not None else schema.get("title")
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", str(named or "answer"))[:LONGEST_NAME]
    return {"type": "json_schema", "name": name, **openai_schema(schema)}
