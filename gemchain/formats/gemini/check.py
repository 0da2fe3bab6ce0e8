"""Checks of a `generateContent` request before it is sent: what every service would refuse.

Field names are accepted in camelCase and in snake_case, as the services do.
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/capabilities/batch-prediction-from-cloud-storage
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from gemchain.errors import RequestError
from gemchain.formats.foreign_forms import without
from gemchain.formats.gemini.fields import camel
from gemchain.formats.gemini.parts import unknown_field

__all__ = ["PROMPT_LABEL", "check_request", "problem"]

PROMPT_LABEL = "gemchain_prompt"
"""The request label that carries the prompt's id through a service that echoes nothing else."""

MAX_LABELS = 64
"""Labels on one request. https://docs.cloud.google.com/resource-manager/docs/labels-overview#requirements"""

_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}\Z")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}\Z")

REQUEST_FIELDS = (
    "contents",
    "systemInstruction",
    "generationConfig",
    "safetySettings",
    "tools",
    "toolConfig",
    "labels",
    "cachedContent",
)
# What people put beside `contents` and the services expect inside `generationConfig`.
_CONFIG_FIELDS = frozenset({
    "temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "responseMimeType",
    "responseSchema", "responseJsonSchema", "presencePenalty", "frequencyPenalty", "seed", "responseLogprobs",
    "logprobs", "responseModalities", "thinkingConfig", "mediaResolution", "speechConfig",
})  # fmt: skip


def check_request(request: Mapping[str, Any]) -> None:
    """Refuse a request that every service would refuse.

    Raises:
        RequestError: With the service's words where they are known.
    """
    words = problem(request)
    if words is not None:
        raise RequestError(words)


def problem(request: Mapping[str, Any]) -> str | None:
    """What a service would say against the request; None when nothing is wrong with it."""
    if not isinstance(request, dict):
        return f"a request is a JSON object, not {type(request).__name__}"
    contents = request.get("contents")
    if not contents:
        return _without_contents(request)
    if not isinstance(contents, list):
        return f"'contents' is a list of contents, not {type(contents).__name__}"
    for place, content in enumerate(contents):
        words = _content_problem(content)
        if words is not None:
            return f"{words} (contents[{place}])"
    if contents[-1].get("role") == "model" and len(request) == 1:
        return "Requests ending with a model turn are not supported."
    return None if len(request) == 1 else _problem_beside_contents(request)


def _without_contents(request: Mapping[str, Any]) -> str:
    if isinstance(request.get("messages"), list) or request.get("input"):
        return without(request, "contents", "Gemini's generateContent")
    near = difflib.get_close_matches("contents", [name for name in request if isinstance(name, str)], n=1)
    hint = f" There is {near[0]!r}; did you mean 'contents'?" if near and near[0] != "contents" else ""
    return f"Unable to submit request because at least one contents field is required.{hint}"


def _content_problem(content: Any) -> str | None:
    if not isinstance(content, dict):
        return f"a content is an object with 'role' and 'parts', not {type(content).__name__}"
    if content.get("role") not in ("user", "model"):
        hint = "" if "role" in content else " Give the content a 'role': 'user' for what you say."
        return f"Please use a valid role: user, model. Found {content.get('role')!r}.{hint}"
    return _parts_problem(content.get("parts"))


def _parts_problem(parts: Any) -> str | None:  # noqa: PLR0911 -- one for each problem
    if not parts:
        return (
            "Unable to submit request because it must include at least one parts field, "
            "which describes the prompt input."
        )
    if not isinstance(parts, list):
        return f"'parts' is a list of parts, not {type(parts).__name__}"
    for part in parts:
        if not isinstance(part, dict):
            return f"a part is an object such as {{'text': '…'}}, not {type(part).__name__}"
        words = unknown_field(part)
        if words is not None:
            return words
        text = part.get("text")
        if text is None:
            if all(value is None for value in part.values()):
                return "Unable to submit request because it has a part without any data."
        elif not isinstance(text, str):
            return f"the text of a part is a string, not {type(text).__name__}"
        elif not text:
            return "Unable to submit request because it has an empty text parameter."
    return None


def _problem_beside_contents(request: Mapping[str, Any]) -> str | None:
    for name, value in request.items():
        if name == "contents" or value is None:
            continue
        field = camel(name)
        if field in _CONFIG_FIELDS:
            return f"{name!r} belongs inside 'generationConfig'"
        words = None
        if field == "labels":
            words = _labels_problem(value)
        elif field == "systemInstruction":
            words = _instruction_problem(value)
        elif field == "generationConfig" and not isinstance(value, dict):
            words = f"{name!r} is an object, not {type(value).__name__}"
        elif field not in REQUEST_FIELDS:
            words = _unknown_field(name, field)
        if words is not None:
            return words
    if request["contents"][-1].get("role") == "model":
        return "Requests ending with a model turn are not supported."
    return None


def _unknown_field(name: str, field: str) -> str | None:
    # A field that only looks unfamiliar may be new; one that is nearly a known one is a slip.
    near = difflib.get_close_matches(field, REQUEST_FIELDS, n=1, cutoff=0.8)
    if near:
        hint = f"Did you mean {near[0]!r}?"
        return f'Invalid JSON payload received. Unknown name "{name}": Cannot find field. {hint}'
    if field == "config":
        return (
            f'Invalid JSON payload received. Unknown name "{name}": Cannot find field. '
            "REST requests nest these settings in 'generationConfig'."
        )
    return None


def _instruction_problem(value: Any) -> str | None:
    if not isinstance(value, dict):
        return f"a system instruction is an object with 'parts', not {type(value).__name__}"
    words = _parts_problem(value.get("parts"))
    return f"{words} (systemInstruction)" if words else None


def _labels_problem(labels: Any) -> str | None:
    if not isinstance(labels, dict):
        return f"labels are an object of strings, not {type(labels).__name__}"
    room = MAX_LABELS - 1  # one is ours
    if len(labels.keys() - {PROMPT_LABEL}) > room:
        return f"a request takes {room} labels of its own, not {len(labels)}"
    for key, value in labels.items():
        if not isinstance(key, str) or not _LABEL_KEY.match(key):
            return (
                f"label key {key!r} is not allowed: it starts with a lowercase letter, has at most 63 "
                "characters, and they are lowercase letters, digits, '_' and '-'"
            )
        if not isinstance(value, str) or not _LABEL_VALUE.match(value):
            return (
                f"label {key!r} cannot be {value!r}: a value has at most 63 characters, and they are "
                "lowercase letters, digits, '_' and '-'"
            )
    return None
