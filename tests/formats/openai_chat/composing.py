"""Composes requests for tests, and holds them against the SDK's own types."""

from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import BaseModel, TypeAdapter

from gemchain.formats.openai_chat.format import OPENAI_CHAT
from gemchain.ports import FileContent, Options

THEIRS = TypeAdapter(CompletionCreateParamsNonStreaming)


class Town(BaseModel):
    name: str
    people: int = 7


def attach(data):
    """Brings files into the request, or names an address for them."""

    def found(path):
        kinds = {".png": "image/png", ".pdf": "application/pdf", ".txt": "text/plain", ".mp3": "audio/mpeg"}
        kind = kinds.get(path.suffix, "video/mp4")
        return FileContent(kind, uri=data) if isinstance(data, str) else FileContent(kind, data=data)

    return found


def read_whole(value):
    """Reads what pydantic checks only while it is read: the items of an `Iterable`."""
    if isinstance(value, dict):
        value = value.values()
    if not isinstance(value, str | bytes | int | float | bool | None):
        for each in value:
            read_whole(each)


def sent(given, config=None, *, wire_format=OPENAI_CHAT, data=b"abc", schema=None, **options):
    """The request, checked by us and by the SDK's types."""
    composed = wire_format.compose(given, config, schema, attach(data), Options(**options))
    wire_format.check("m", composed.request)
    wire_format.check_settings(composed.request)
    if wire_format is OPENAI_CHAT:
        read_whole(THEIRS.validate_python({"model": "m", **composed.request}, extra="forbid"))
    return composed.request
