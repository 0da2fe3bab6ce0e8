"""Checks of a request of the Responses API before it is sent: what the service would refuse."""

from collections.abc import Iterator, Mapping
from typing import Any

from gemchain.errors import RequestError
from gemchain.formats.foreign_forms import without

__all__ = ["check_request"]

ROLES = ("user", "assistant", "system", "developer")

NOT_HERE = {
    "model": "leave it out: the model is the one that is named beside the request",
    "stream": "answers are not streamed here; leave it out",
    "stream_options": "answers are not streamed here; leave it out",
    "background": "a response in the background has to be fetched; leave it out, a batch waits for you",
    "background_options": "nothing runs in the background; leave it out",
}
"""What a request cannot say here, and why."""


def check_request(request: Mapping[str, Any]) -> None:
    """Refuse a request that the service would refuse.

    Raises:
        RequestError: The message says where.
    """
    for words in _problems(request):
        raise RequestError(words)


def _problems(request: Mapping[str, Any]) -> Iterator[str]:
    for name, why in NOT_HERE.items():
        if request.get(name):
            yield f"the request has {name!r}: {why}"
    given = request.get("input")
    if isinstance(given, str):
        if not given.strip():
            yield "the request is empty"
    elif isinstance(given, list) and given:
        for place, item in enumerate(given):
            yield from _item_problems(item, f"input[{place}]")
    elif given:
        yield f"'input' is a text or a list of items, not {type(given).__name__}"
    elif not request.get("prompt"):  # a template that is stored at OpenAI needs no input
        yield without(request, "input", "OpenAI's Responses API")
    if request.get("service_tier") == "flex":
        yield "service_tier 'flex' is a lane here; leave it out and submit with lane='flex'"


def _item_problems(item: Any, place: str) -> Iterator[str]:
    if not isinstance(item, dict):
        yield f"{place} is an item such as {{'role': 'user', 'content': '…'}}, not {item!r:.80}"
        return
    if item.get("type", "message") != "message":
        return  # one of the many other items, which the service checks
    content = item.get("content")
    if item.get("role") not in ROLES:
        yield f"{place} has the role {item.get('role')!r}; roles are {', '.join(map(repr, ROLES))}"
    if isinstance(content, str):
        if not content.strip():
            yield f"{place}: the content is empty"
    elif not isinstance(content, list) or not content:
        yield f"{place}: content is a text or a list of parts, not {content!r:.80}"
    else:
        for number, part in enumerate(content):
            yield from _part_problems(part, f"{place}.content[{number}]")


def _part_problems(part: Any, place: str) -> Iterator[str]:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str):
        yield f"{place} is a part such as {{'type': 'input_text', 'text': '…'}}, not {part!r:.80}"
    elif kind in ("text", "image_url"):
        yield f"{place}: parts of type {kind!r} are those of chat completions; here it is 'input_{kind[:5]}'"
    elif kind == "input_text" and not isinstance(part.get("text"), str):
        yield f"{place}: a part of type 'input_text' has a 'text', not {part.get('text')!r:.80}"
    elif kind == "input_image" and not (part.get("image_url") or part.get("file_id")):
        yield f"{place}: a part of type 'input_image' has an 'image_url' or a 'file_id'"
