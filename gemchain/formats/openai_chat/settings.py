"""Check of the settings of a new request: unknown names, and values of a wrong kind or out of range.

Many prompts have the same settings, so what was found sound is remembered by its text.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from gemchain.errors import RequestError
from gemchain.formats.openai_chat.dialect import Dialect
from gemchain.formats.setting_kinds import Names, check_fields

__all__ = ["check_settings"]

NOT_SENT = {
    "stream": "answers are not streamed here; leave it out",
    "stream_options": "answers are not streamed here; leave it out",
    "model": "the model is the one that is given to submit; leave it out",
    "messages": "the messages are the request itself; give them to submit as {'messages': …}",
}
"""What a request cannot say here, and why."""


def check_settings(dialect: Dialect, request: Mapping[str, Any]) -> None:
    """Refuse settings that the service does not know or take; see `Format.check_settings`."""
    if len(request) == 1:
        return
    settings = {name: value for name, value in request.items() if name != "messages" and value is not None}
    if settings:
        _check_text(dialect, orjson.dumps(settings))


@lru_cache(maxsize=1024)
def _check_text(dialect: Dialect, text: bytes) -> None:
    settings = orjson.loads(text)
    for name, why in NOT_SENT.items():
        if settings.get(name):
            raise RequestError(f"the request has {name!r}: {why}")
    if dialect.flex and settings.get("service_tier") == "flex":
        raise RequestError("service_tier 'flex' is a lane here; leave it out and submit with lane='flex'")
    check_fields(settings, dialect.settings, "config", _names(dialect))


def _names(dialect: Dialect) -> Names:
    return Names(
        "config",
        newer=lambda _: dialect.open,
        others=f"its fields are those of {dialect.service}'s chat completions",
    )
