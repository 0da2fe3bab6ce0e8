"""Answers as objects of google-genai, Google's own SDK."""

from typing import Any

from gemchain.errors import MissingExtraError

__all__ = ["as_genai"]


def as_genai(body: dict[str, Any]) -> Any:
    """The body as `google.genai.types.GenerateContentResponse`.

    Raises:
        MissingExtraError: google-genai is not installed.
    """
    try:
        from google.genai import types
    except ImportError as error:
        raise MissingExtraError("Response.to_genai()", "gemini") from error
    return types.GenerateContentResponse.model_validate(body)
