"""Requests in the form of another provider: what is said when one is handed to the wrong model."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

__all__ = ["without"]

_FORMS = {
    "contents": "Gemini's generateContent",
    "messages": "a chat API, such as OpenAI's chat completions or Anthropic's messages",
    "input": "OpenAI's Responses API",
    "text": "the plain format",
}
"""The field by which each form is known."""


def without(request: Mapping[str, Any], field: str, form: str) -> str:
    """What is said against a request that lacks the field without which there is no request.

    Args:
        request: The request.
        field: The field that it lacks.
        form: The form that is wanted.
    """
    if not request:
        return "the request is empty"
    for name, whose in _FORMS.items():
        if name != field and isinstance(request.get(name), list | str):
            return (
                f"the request has {name!r}, which is the form of {whose}, and this model takes {form}, with "
                f"{field!r}; give a text or messages [{{'role': …, 'content': …}}], which mean the same for "
                "every model, or use a model of that provider"
            )
    near = get_close_matches(field, [name for name in request if isinstance(name, str)], n=1)
    hint = f"; there is {near[0]!r}, did you mean {field!r}?" if near and near[0] != field else ""
    return f"the request has nothing in {field!r}, which {form} needs{hint}"
