"""What a callback receives, and whether an answer counts as one.

This is the only place outside the providers that knows the shape of a body (`candidates`,
`promptFeedback`, `usageMetadata`).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, lru_cache
from textwrap import shorten
from typing import Any

import orjson

from gemchain.errors import DamagedError, GemchainError
from gemchain.records import Failure, Prompt

__all__ = [
    "MODEL",
    "PromptError",
    "Response",
    "judge",
    "parser",
    "response_to",
    "usage_metadata",
]

MODEL = "x-gemchain-model"
"""Where a stored schema keeps the name of the pydantic class of which answers are to be objects."""

ResolveModel = Callable[[str], Any]
"""Finds a pydantic model class by its stored name; raises `UnresolvedError` when it is gone."""

SHOWN = 60
"""Characters of an answer in its `repr`."""

TRUNCATED = "MAX_TOKENS"
FINE = frozenset({"STOP", "FINISH_REASON_UNSPECIFIED", ""})
AGAIN = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE"})
"""Finish reasons that another attempt may well avoid."""


class Response:
    """The answer to one prompt.

    Attributes:
        raw: The body as the provider sent it, a dict in REST form.
        request: The request as the provider echoed it; None where it does not.
        model: The model that was asked.
        prompt_id: The prompt that was answered.
        schema: JSON text of the schema that the answer was asked to fit; None for free text.
    """

    def __init__(
        self,
        raw: dict[str, Any],
        *,
        request: dict[str, Any] | None = None,
        model: str = "",
        prompt_id: str = "",
        schema: str | None = None,
        parse: Callable[[str], Any] | None = None,
    ) -> None:
        self.raw = raw
        self.request = request
        self.model = model
        self.prompt_id = prompt_id
        self.schema = schema
        self._parse = parse
        self._text: str | None = None

    def __repr__(self) -> str:
        return f"Response({shorten(self.text, SHOWN)!r}, finish_reason={self.finish_reason!r})"

    @property
    def _candidate(self) -> dict[str, Any]:
        candidates = self.raw.get("candidates")
        first = candidates[0] if isinstance(candidates, list) and candidates else {}
        return first if isinstance(first, dict) else {}

    @property
    def text(self) -> str:
        """The answer's text, thoughts left out; empty when there is none."""
        if self._text is None:
            self._text = "".join([part["text"] for part in _parts(self._candidate) if _is_text(part)])
        return self._text

    @property
    def parts(self) -> list[dict[str, Any]]:
        """All parts of the answer, as dicts in REST form."""
        return _parts(self._candidate)

    @cached_property
    def parsed(self) -> Any:
        """The answer as data: what fits the prompt's `schema`, or else whatever JSON the text is.

        An object of the class, where the schema is a pydantic model class.

        Raises:
            ValueError: The text is not JSON, or does not fit the schema.
        """
        return orjson.loads(self.text) if self._parse is None else self._parse(self.text)

    @property
    def finish_reason(self) -> str:
        """Why the model stopped, in the provider's word (`STOP`); empty when it did not say."""
        return str(self._candidate.get("finishReason") or "")

    @property
    def usage(self) -> dict[str, Any]:
        """Tokens, as the provider counted them (`promptTokenCount`, `candidatesTokenCount`, …)."""
        return usage_metadata(self.raw)

    @property
    def blocked(self) -> bool:
        """Whether a filter kept the prompt or the answer back."""
        failure = judge(self.raw)
        return failure is not None and failure.reason == "blocked"

    def to_genai(self) -> Any:
        """The answer as `google.genai.types.GenerateContentResponse` (needs `gemchain[gemini]`).

        Raises:
            MissingExtraError: google-genai is not installed.
        """
        try:
            from google.genai import types
        except ImportError as error:
            from gemchain.errors import MissingExtraError

            raise MissingExtraError("Response.to_genai()", "gemini") from error
        return types.GenerateContentResponse.model_validate(self.raw)


_RAISED = frozenset({"raised", "callback"})
"""Failures whose message begins with the name of an exception's class."""


class PromptError(GemchainError):
    """A prompt that got no usable answer; what `on_error` receives.

    Attributes:
        reason: One word, as in `Failure.reason`: `blocked`, `truncated`, `missing`, …
        message: What happened, in the provider's words.
        kind: The name of the exception's class, where a function raised one (`OutOfStock`); else None.
        response: The answer, where there is one all the same (truncated, blocked); else None.
        traceback: Where a callback raised, as text; None when no callback did.
        prompt_id: The prompt that failed.
        failure: All that is kept of it.
    """

    def __init__(self, failure: Failure, *, response: Response | None = None, prompt_id: str = "") -> None:
        super().__init__(f"{failure.reason}: {failure.message}")
        self.failure = replace(failure, retryable=False)
        self.kind = failure.message.partition(":")[0] if failure.reason in _RAISED else None
        self.traceback = failure.traceback
        self.reason = failure.reason
        self.message = failure.message
        self.response = response
        self.prompt_id = prompt_id


def usage_metadata(body: Mapping[str, Any]) -> dict[str, Any]:
    """The token counts of a body; empty when it has none."""
    found = body.get("usageMetadata")
    return found if isinstance(found, dict) else {}


def judge(body: dict[str, Any]) -> Failure | None:
    """Why this body is no usable answer; None when it is one.

    A blocked, truncated or empty answer is not a success, even though the row is.
    """
    candidates = body.get("candidates")
    if not isinstance(candidates, list) or not candidates or not isinstance(candidates[0], dict):
        return _no_candidate(body)
    candidate = candidates[0]
    reason = str(candidate.get("finishReason") or "")
    if reason == TRUNCATED:
        return Failure("truncated", "the answer hit the token limit (MAX_TOKENS); raise maxOutputTokens")
    if reason in AGAIN:
        return Failure("invalid", f"the model stopped with {reason}", retryable=True)
    if reason not in FINE:
        said = candidate.get("finishMessage")
        return Failure("blocked", f"the answer was kept back: {reason}" + (f" ({said})" if said else ""))
    if not _parts(candidate):
        return Failure("empty", "the answer has no parts", retryable=True)
    return None


def _no_candidate(body: dict[str, Any]) -> Failure:
    feedback = body.get("promptFeedback")
    if isinstance(feedback, dict) and feedback.get("blockReason"):
        said = feedback.get("blockReasonMessage")
        why = f"{feedback['blockReason']}" + (f" ({said})" if said else "")
        return Failure("blocked", f"the prompt was kept back: {why}")
    return Failure("empty", "the response has no candidates", retryable=True)


def _parts(candidate: dict[str, Any]) -> list[dict[str, Any]]:
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _is_text(part: dict[str, Any]) -> bool:
    return isinstance(part.get("text"), str) and not part.get("thought")


@lru_cache(maxsize=256)
def parser(schema: str, resolve_model: ResolveModel) -> Callable[[str], Any]:
    """How to read an answer that must fit a JSON schema.

    Args:
        schema: The schema, as JSON text.
        resolve_model: Finds the class whose name the schema bears.

    The function returned raises `ValueError` for a text that does not fit, saying where; and
    `UnresolvedError` when the class that stands in the schema is not found any more.
    """
    import jsonschema

    wanted = orjson.loads(schema)
    if MODEL in wanted:
        return lambda text: resolve_model(wanted[MODEL]).model_validate_json(text)
    validator = jsonschema.Draft202012Validator(wanted)

    def parse(text: str) -> Any:
        value = orjson.loads(text)
        error = next(validator.iter_errors(value), None)
        if error is not None:
            where = "/".join(map(str, error.absolute_path)) or "the top"
            raise ValueError(f"at {where}: {error.message}")
        return value

    return parse


def response_to(
    prompt: Prompt,
    body: dict[str, Any],
    request: dict[str, Any] | None = None,
    *,
    resolve_model: ResolveModel,
) -> Response:
    """What the prompt's callback gets for this body.

    Args:
        prompt: The prompt that was answered.
        body: The answer, as the provider sent it.
        request: The request as the provider echoed it.
        resolve_model: Finds the class whose name the prompt's schema bears.

    Raises:
        DamagedError: The schema that stands in the record cannot be read.
    """
    return Response(
        body,
        request=request,
        model=prompt.model,
        prompt_id=prompt.id,
        schema=prompt.schema,
        parse=None if prompt.schema is None else _sound_parser(prompt.schema, resolve_model),
    )


def _sound_parser(schema: str, resolve_model: ResolveModel) -> Callable[[str], Any]:
    try:
        return parser(schema, resolve_model)
    except (TypeError, ValueError, RecursionError) as error:
        raise DamagedError(f"'schema' cannot be read: {error}") from error
