"""Checks of a request of the Messages API before it is sent: what the service would refuse."""

from collections.abc import Iterator, Mapping
from typing import Any

from gemchain.errors import RequestError
from gemchain.formats.anthropic.spelling import SERVICE
from gemchain.formats.foreign_forms import without

__all__ = ["check_request"]

ROLES = ("user", "assistant", "system")


def check_request(request: Mapping[str, Any]) -> None:
    """Refuse a request that the service would refuse.

    Raises:
        RequestError: The message says where.
    """
    for words in _problems(request):
        raise RequestError(words)


def _problems(request: Mapping[str, Any]) -> Iterator[str]:
    if request.get("model"):
        yield "the request has 'model'; leave it out: the model is the one that is named beside the request"
    if request.get("stream"):
        yield "the request has 'stream', which no batch can honour; leave it out"
    messages = request.get("messages")
    if not messages:
        yield without(request, "messages", "Anthropic's Messages API")
    elif not isinstance(messages, list):
        yield f"'messages' is a list of messages, not {type(messages).__name__}"
    else:
        for place, message in enumerate(messages):
            yield from _message_problems(message, f"messages[{place}]")
    if type(request.get("max_tokens")) is not int:
        yield f"'max_tokens' is a whole number, not {request.get('max_tokens')!r}"
    yield from _system_problems(request.get("system"))


def _system_problems(system: Any) -> Iterator[str]:
    if isinstance(system, list):
        for place, block in enumerate(system):
            yield from _block_problems(block, f"system[{place}]", "system")
    elif system is not None and not isinstance(system, str):
        yield f"'system' is a text or a list of text blocks, not {type(system).__name__}"


def _message_problems(message: Any, place: str) -> Iterator[str]:
    if not isinstance(message, dict):
        yield f"{place} is an object with 'role' and 'content', not {type(message).__name__}"
        return
    role, content = message.get("role"), message.get("content")
    if role not in ROLES:
        yield f"{place} has the role {role!r}; roles are 'user' and 'assistant'"
    if isinstance(content, str):
        if not content.strip():
            yield f"{place}: the content is empty"
    elif not isinstance(content, list) or not content:
        yield f"{place}: content is a text or a list of blocks, not {content!r:.80}"
    else:
        for number, block in enumerate(content):
            yield from _block_problems(block, f"{place}.content[{number}]", str(role))


def _block_problems(block: Any, place: str, role: str) -> Iterator[str]:
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        yield f"{place} is a block such as {{'type': 'text', 'text': '…'}}, not {block!r:.80}"
        return
    kind, text = block["type"], block.get("text")
    if kind == "text" and (not isinstance(text, str) or not text.strip()):
        yield f"{place}: a text block has a 'text' that is not empty, not {text!r:.80}"
    if kind in ("image", "document") and not isinstance(block.get("source"), dict):
        yield f"{place}: a block of type {kind!r} has a 'source'"
    if kind == "document" and role == "assistant":
        yield f"{place}: {SERVICE} takes documents in messages of the user only, not of the assistant"
    if kind == "text" and role == "user" and block.get("citations"):
        yield f"{place}: {SERVICE} takes no citations in messages of the user; leave them out"
