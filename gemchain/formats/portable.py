"""Requests that mean the same for every provider: texts, files, messages and tools, before they are spelled.

A portable request is a text, a file's `Path`, a list of texts and files (one turn of the user), or a list of
messages `{"role", "content"}`. Each format spells what `portable` and `tools_of` return.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gemchain.errors import RequestError
from gemchain.formats.files import mime_type
from gemchain.ports import Attach, FileContent, ToolCall

__all__ = ["Message", "Portable", "Tool", "conversation", "is_messages", "misfit", "portable", "tools_of"]

ROLES = {"user": "user", "assistant": "assistant", "model": "assistant", "system": "system", "tool": "tool"}
"""The roles of messages, and what each is called here."""

FIELDS = frozenset({"role", "content", "tool_calls", "tool_call_id", "name"})


class Message(NamedTuple):
    """One turn of a conversation.

    Attributes:
        role: `user`, `assistant`, or `tool` (what a called function returned).
        parts: Its texts and files, in order.
        calls: The calls that the assistant asked for.
        call_id: For `tool`, the call that it answers.
        name: For `tool`, the function that was called.
    """

    role: str
    parts: tuple[str | FileContent, ...]
    calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None
    name: str | None = None

    @property
    def text(self) -> str:
        """Its texts."""
        return "\n\n".join(part for part in self.parts if isinstance(part, str))


class Portable(NamedTuple):
    """A conversation.

    Attributes:
        messages: Its turns, without those of the system.
        system: What the system's messages say; None when there are none.
    """

    messages: tuple[Message, ...]
    system: str | None = None


class Tool(NamedTuple):
    """A function that the model may ask to be called; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


def is_messages(given: Any) -> bool:
    """Whether it is a list of messages."""
    return (
        isinstance(given, list | tuple)
        and bool(given)
        and all(
            isinstance(each, Mapping) and "role" in each and not each.keys() - FIELDS and len(each) > 1
            for each in given
        )
    )


def portable(given: Any, attach: Attach | None = None) -> Portable | None:
    """What a user handed to `submit` as a conversation; None when it is not portable.

    Args:
        given: A text, a `Path`, a list of both, or messages.
        attach: Called for each local file. None names files only, to compare requests.

    Raises:
        RequestError: It is empty, a message is not sound, or a file cannot be attached.
    """
    if isinstance(given, str | Path):
        return Portable((Message("user", (_part(given, attach),)),))
    if is_messages(given):
        return conversation(given, attach)
    if isinstance(given, list | tuple) and given and all(isinstance(each, str | Path) for each in given):
        return Portable((Message("user", tuple(_part(each, attach) for each in given)),))
    return None


def misfit(given: Any) -> str:
    """What was given in place of a request: its type, and in a list what is no text and no `Path`."""
    if isinstance(given, list | tuple):
        for place, each in enumerate(given):
            if not isinstance(each, str | Path):
                return f"no {type(given).__name__} with {each!r:.80} in place {place + 1}"
    return f"no {type(given).__name__}" if given or given is None else f"no empty {type(given).__name__}"


def conversation(given: Sequence[Any], attach: Attach | None = None) -> Portable:
    """Messages as a conversation.

    Raises:
        RequestError: One of them is not sound, or a file cannot be attached.
    """
    if not is_messages(given):
        known = ", ".join(sorted(FIELDS))
        raise RequestError(f"messages are dicts with 'role' and 'content', and no fields but {known}")
    found = [_message(each, place, attach) for place, each in enumerate(given)]
    system = [each.text for each in found if each.role == "system"]
    messages = tuple(each for each in found if each.role != "system")
    if not messages:
        raise RequestError("the messages have nothing from the user; add {'role': 'user', 'content': …}")
    return Portable(messages, "\n\n".join(system) if system else None)


def _message(given: Mapping[str, Any], place: int, attach: Attach | None) -> Message:
    role = ROLES.get(given["role"]) if isinstance(given["role"], str) else None
    if role is None:
        raise RequestError(
            f"messages[{place}] has the role {given['role']!r}; "
            "roles are 'user', 'assistant', 'system' and 'tool'"
        )
    calls = tuple(_call(each, place) for each in given.get("tool_calls") or ())
    content = given.get("content")
    if content is None and calls:
        return Message(role, (), calls)
    parts: list[Any] = list(content) if isinstance(content, list | tuple) else [content]
    if not parts or not all(isinstance(each, str | Path) for each in parts):
        raise RequestError(
            f"messages[{place}]: content is a text, or a list of texts and Paths, not {content!r:.80}"
        )
    call_id = given.get("tool_call_id")
    if role == "tool" and not call_id:
        raise RequestError(f"messages[{place}]: a message of role 'tool' names the call by 'tool_call_id'")
    return Message(role, tuple(_part(each, attach) for each in parts), calls, call_id, given.get("name"))


def _call(given: Any, place: int) -> ToolCall:
    if isinstance(given, ToolCall):
        return given
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise RequestError(
            f"messages[{place}]: a tool call is one of response.tool_calls, or a dict with 'name', "
            f"'arguments' and 'id', not {given!r:.80}"
        )
    return ToolCall(given["name"], dict(given.get("arguments") or {}), given.get("id"))


def _part(given: str | Path, attach: Attach | None) -> str | FileContent:
    if isinstance(given, Path):
        return FileContent(mime_type(given), uri=given.name) if attach is None else attach(given)
    if not given.strip():
        raise RequestError("the request is empty")
    return given


def tools_of(given: Sequence[Any] | None) -> list[Tool | dict[str, Any]]:
    """The tools that a request names: portable ones, and dicts in a provider's own form.

    Raises:
        RequestError: One is neither.
    """
    if given is not None and (isinstance(given, str | Mapping) or not isinstance(given, Sequence)):
        raise RequestError(f"tools is a list of tools, not {given!r:.80}")
    return [_tool(each) for each in given or ()]


def _tool(given: Any) -> Tool | dict[str, Any]:
    if isinstance(given, Tool):
        return given
    if callable(given):
        raise RequestError(
            f"tool {getattr(given, '__name__', given)!r} is a Python function, which no provider can call; "
            "describe it as {'name': …, 'description': …, 'parameters': {a JSON schema}}, and answer the "
            "call in the callback"
        )
    if not isinstance(given, Mapping):
        raise RequestError(f"a tool is a dict with 'name', 'description' and 'parameters', not {given!r:.80}")
    if not isinstance(given.get("name"), str) or given.keys() - {"name", "description", "parameters"}:
        return dict(given)
    parameters = given.get("parameters") or {"type": "object", "properties": {}}
    return Tool(given["name"], str(given.get("description") or ""), dict(parameters))
