"""The settings of `config=`, in the service's own names.

A few names of Gemini's settings mean the same and are taken too, in either spelling, so that a chain can
change its model and keep its config.
"""

import re
from typing import Any

from gemchain.errors import RequestError
from gemchain.formats.openai_chat.dialect import Dialect
from gemchain.formats.plain_data import config_fields
from gemchain.formats.schema import is_model

__all__ = ["Config", "read_config"]

SCHEMAS = ("response_json_schema", "response_schema")
SYSTEMS = ("system", "system_instruction")


class Config:
    """The settings, and what a config says beside them.

    Attributes:
        settings: Fields of the request.
        schema: What the answer must fit; None for free text.
        system: What the model is told first.
    """

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.schema: Any = None
        self.system: str | None = None


def read_config(dialect: Dialect, config: Any) -> Config:
    """Read a config.

    Raises:
        RequestError: It is no config, or has something that is no setting.
    """
    found = Config()
    for given, value in config_fields(config).items():
        name = _spelled(dialect, given)
        if name in ("messages", "model"):
            raise RequestError(f"config has {name!r}, which is no setting; give it to submit itself")
        if name in SCHEMAS or (name == "response_format" and is_model(value)):
            found.schema = value
        elif name in SYSTEMS:
            found.system = _system(given, value)
        elif name == "response_mime_type":
            _set_mime_type(found, given, value)
        else:
            found.settings[name] = value
    return found


def _spelled(dialect: Dialect, name: str) -> str:
    if name in dialect.settings:
        return name
    snake = re.sub(r"[A-Z]", lambda found: "_" + found.group().lower(), name)
    renamed = {
        "max_output_tokens": dialect.limit,
        "stop_sequences": "stop",
        "candidate_count": "n",
        "seed": dialect.seed,
    }
    portable = renamed.get(snake, snake)
    known = portable in dialect.settings or portable in (*SCHEMAS, *SYSTEMS, "response_mime_type")
    return portable if known else name


def _system(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RequestError(f"config.{name} takes a text, not {value!r:.80}")
    return value


def _set_mime_type(found: Config, name: str, value: Any) -> None:
    if value not in ("application/json", "text/plain"):
        raise RequestError(f"config.{name} is 'application/json' or 'text/plain', not {value!r:.80}")
    if value == "application/json":
        found.settings.setdefault("response_format", {"type": "json_object"})
