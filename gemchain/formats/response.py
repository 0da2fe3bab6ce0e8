"""What a callback receives: the answer to its prompt, read through its wire format, or the error."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from textwrap import shorten
from typing import Any, Generic, cast

import orjson

from gemchain.base.type_variables import Parsed_co
from gemchain.errors import ConfigurationError, DamagedError, GemchainError
from gemchain.formats.absent import without_absent
from gemchain.formats.registry import format_named
from gemchain.ports import Format, TokenCounts, ToolCall
from gemchain.records import Failure, Prompt

__all__ = [
    "MODEL",
    "PromptError",
    "Response",
    "parser",
    "response_to",
]

MODEL = "x-gemchain-model"
"""Where a stored schema keeps the name of the pydantic class of which answers are to be objects."""

ResolveModel = Callable[[str], Any]
"""Finds a pydantic model class by its stored name; raises `UnresolvedError` when it is gone."""

SHOWN = 60
"""Characters of an answer in its `repr`."""


def _refuse(_: str) -> Any:
    raise ValueError("the answer does not fit its schema")


class Response(Generic[Parsed_co]):
    """The answer to one prompt.

    Attributes:
        raw: The body as the provider sent it, a dict in REST form.
        request: The request as the provider echoed it; None where it does not.
        model: The model that was asked.
        prompt_id: The prompt that was answered.
        schema: JSON text of the schema that the answer was asked to fit; None for free text.
        wire_format: The format of `raw`; Gemini's when none is given.
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
        wire_format: Format | None = None,
    ) -> None:
        self.raw = raw
        self.request = request
        self.model = model
        self.prompt_id = prompt_id
        self.schema = schema
        self.wire_format = wire_format or format_named()
        self._parse = parse
        self._text: str | None = None

    def __repr__(self) -> str:
        if hasattr(self.wire_format, "embedding"):
            return f"Response(embedding of {len(self.embedding)} numbers)"
        return f"Response({shorten(self.text, SHOWN)!r}, finish_reason={self.finish_reason!r})"

    def __getstate__(self) -> dict[str, Any]:
        """As data, for functions by value that refer to an answer: what was read, without the reader."""
        fits = True
        if self._parse is not None:
            try:
                self.parsed  # noqa: B018 -- reading keeps it
            except ValueError:
                fits = False
        return vars(self) | {"_parse": None if fits else _refuse}

    @property
    def text(self) -> str:
        """The answer's text, thoughts left out; empty when there is none."""
        if self._text is None:
            self._text = self.wire_format.text(self.raw)
        return self._text

    @property
    def parts(self) -> list[dict[str, Any]]:
        """All parts of the answer, as dicts in the provider's own form."""
        return self.wire_format.parts(self.raw)

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The calls that the model asks for, with `name`, `arguments` and `id`, in order."""
        return self.wire_format.tool_calls(self.raw)

    @cached_property
    def parsed(self) -> Parsed_co:
        """The answer as data: what fits the prompt's `schema`, or else whatever JSON the text is.

        An object of the class, where the schema is a pydantic model class.

        Raises:
            ValueError: The text is not JSON, or does not fit the schema.
        """
        parse = orjson.loads if self._parse is None else self._parse
        return cast("Parsed_co", parse(self.text))

    @property
    def embedding(self) -> list[float]:
        """The vector of an embedding; empty when there is none.

        Raises:
            TypeError: The answer is a text: it was asked for without `kind="embed"`.
        """
        read = getattr(self.wire_format, "embedding", None)
        if read is None:
            raise TypeError(
                f"the answer of {self.model!r} is a text and has no embedding; ask for one with "
                "gemchain.embed(…), or with kind='embed'"
            )
        return cast("list[float]", read(self.raw))

    def to_numpy(self) -> Any:
        """The vector of an embedding as a one-dimensional numpy array of float32 (needs numpy).

        Raises:
            ConfigurationError: numpy is not installed.
            TypeError: The answer is a text.
        """
        try:
            import numpy as np
        except ImportError as error:
            raise ConfigurationError("to_numpy() needs numpy; pip install numpy") from error
        return np.asarray(self.embedding, dtype=np.float32)

    @property
    def finish_reason(self) -> str:
        """Why the model stopped, in the same words for every provider; empty when it did not say.

        `STOP` (an end of its own, tool calls included), `MAX_TOKENS`, `SAFETY` (a filter), `REFUSAL`; what
        has no such word keeps the provider's own, in capitals.
        """
        return self.wire_format.finish_reason(self.raw)

    @property
    def raw_finish_reason(self) -> str:
        """Why the model stopped, in the provider's own word; empty when it did not say."""
        return self.wire_format.raw_finish_reason(self.raw)

    @property
    def usage(self) -> dict[str, Any]:
        """Tokens in the provider's own words (for Gemini `promptTokenCount`, …); see `tokens`."""
        return self.wire_format.reported_usage(self.raw)

    @property
    def tokens(self) -> TokenCounts:
        """Tokens in the same words for every provider: `input`, `cached`, `output`, `thinking`, `images`."""
        return self.wire_format.usage(self.raw)

    @property
    def blocked(self) -> bool:
        """Whether a filter kept the prompt or the answer back."""
        failure = self.wire_format.judge(self.raw)
        return failure is not None and failure.reason == "blocked"

    def to_genai(self) -> Any:
        """The answer as `google.genai.types.GenerateContentResponse` (needs `gemchain[gemini]`).

        Raises:
            MissingExtraError: google-genai is not installed.
            TypeError: The answer is not in Gemini's format.
        """
        from gemchain.formats.gemini.sdk import as_genai

        if self.wire_format.name != "gemini":
            raise TypeError(
                f"an answer of {self.model!r} is in format {self.wire_format.name!r}, not in Gemini's"
            )
        return as_genai(self.raw)


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


@lru_cache(maxsize=256)
def parser(schema: str, resolve_model: ResolveModel) -> Callable[[str], Any]:
    """How to read an answer that must fit a JSON schema.

    Args:
        schema: The schema, as JSON text.
        resolve_model: Finds the class whose name the schema bears.

    The function returned raises `ValueError` for a text that does not fit, saying where; and
    `UnresolvedError` when the class that stands in the schema is not found any more. A null for a property
    that may be left out counts as left out, where the text does not fit otherwise; see `formats.absent`.
    """
    import jsonschema

    wanted = orjson.loads(schema)
    if MODEL in wanted:
        return partial(_object, schema=wanted, resolve_model=resolve_model)
    validator = jsonschema.Draft202012Validator(wanted)

    def parse(text: str) -> Any:
        value = orjson.loads(text)
        error = next(validator.iter_errors(value), None)
        if error is not None and "null" in text:
            value = without_absent(value, wanted)
            error = next(validator.iter_errors(value), None)
        if error is not None:
            where = "/".join(map(str, error.absolute_path)) or "the top"
            raise ValueError(f"at {where}: {error.message}")
        return value

    return parse


def _object(text: str, *, schema: dict[str, Any], resolve_model: ResolveModel) -> Any:
    """The answer as an object of the class that the schema names."""
    model = resolve_model(schema[MODEL])
    try:
        return model.model_validate_json(text)
    except ValueError:
        if "null" not in text:
            raise
        return model.model_validate_json(orjson.dumps(without_absent(orjson.loads(text), schema)))


def response_to(
    prompt: Prompt,
    body: dict[str, Any],
    request: dict[str, Any] | None = None,
    *,
    wire_format: Format,
    resolve_model: ResolveModel,
) -> Response:
    """What the prompt's callback gets for this body.

    Args:
        prompt: The prompt that was answered.
        body: The answer, as the provider sent it.
        request: The request as the provider echoed it.
        wire_format: The format of `body`.
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
        wire_format=wire_format,
    )


def _sound_parser(schema: str, resolve_model: ResolveModel) -> Callable[[str], Any]:
    try:
        return parser(schema, resolve_model)
    except (TypeError, ValueError, RecursionError) as error:
        raise DamagedError(f"'schema' cannot be read: {error}") from error
