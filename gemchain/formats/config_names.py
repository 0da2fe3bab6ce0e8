"""The settings of `config=`, in a service's own names, and in those of Gemini that mean the same.

So that a chain can change its model and keep its config, a few names of Gemini's settings are understood in
either spelling: the schema of the answer, its type, and what a service calls otherwise.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from gemchain.errors import RequestError
from gemchain.formats.plain_data import config_fields

__all__ = ["Config", "read_config"]

SCHEMAS = ("response_json_schema", "response_schema")
MIME_TYPES = ("application/json", "text/plain")


class Config(NamedTuple):
    """What a config says.

    Attributes:
        settings: Fields of the request.
        schema: What the answer must fit; None for free text.
    """

    settings: dict[str, Any]
    schema: Any = None


def read_config(
    config: Any, known: Collection[str], renamed: Mapping[str, str], schema: Any = None
) -> Config:
    """Read a config.

    Args:
        config: As it was handed to `submit`.
        known: The names of the service's own settings.
        renamed: What other names are called by the service.
        schema: What the answer must fit; wins over a schema in the config.

    Raises:
        RequestError: It is no config, or asks for JSON without saying which.
    """
    settings: dict[str, Any] = {}
    own = mime_type = None
    for given, value in config_fields(config).items():
        name = _spelled(given, known, renamed)
        if name in SCHEMAS:
            own = value
        elif name == "response_mime_type":
            mime_type = value
        else:
            settings[name] = value
    if mime_type not in (None, *MIME_TYPES):
        raise RequestError(f"config.response_mime_type is one of {', '.join(MIME_TYPES)}, not {mime_type!r}")
    wanted = own if schema is None else schema
    if mime_type == MIME_TYPES[0] and wanted is None:
        raise RequestError(
            "config asks for JSON (response_mime_type) without saying which; pass schema=, a JSON schema or "
            "a pydantic model class"
        )
    return Config(settings, wanted)


def _spelled(name: str, known: Collection[str], renamed: Mapping[str, str]) -> str:
    if name in known:
        return name
    snake = re.sub(r"[A-Z]", lambda found: "_" + found.group().lower(), name)
    meant = renamed.get(snake, snake)
    return meant if meant in (*known, *renamed.values(), *SCHEMAS, "response_mime_type") else name
