"""The port for wire formats: how a request and an answer are spelled.

A format is pure: JSON in, JSON out, no I/O and no SDK. How a service runs requests is the `Provider`'s part.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from gemchain.records import Failure

__all__ = [
    "NO_OPTIONS",
    "Attach",
    "Composed",
    "EmbeddingFormat",
    "FileContent",
    "Format",
    "Options",
    "TokenCounts",
    "ToolCall",
]


class TokenCounts(NamedTuple):
    """Tokens of one answer, in the same words for every provider.

    Attributes:
        input: Of the request, cached ones included.
        cached: Of `input`, those that were read from a cache.
        output: Of the answer, thinking included.
        thinking: Of `output`, those that are not shown.
        images: Of `input`, those of images, where the provider tells.
    """

    input: int = 0
    cached: int = 0
    output: int = 0
    thinking: int = 0
    images: int = 0


class ToolCall(NamedTuple):
    """A call that the model asks for.

    Attributes:
        id: The provider's name of this call; None where it has none.
    """

    name: str
    arguments: dict[str, Any]
    id: str | None = None


class FileContent(NamedTuple):
    """A local file as a provider can read it: at an address, or as bytes inside the request.

    Attributes:
        uri: Where the provider reads it; None when `data` holds it.
    """

    mime_type: str
    uri: str | None = None
    data: bytes | None = None


Attach = Callable[[Path], FileContent]
"""Brings a local file to where the provider reads it."""


class Options(NamedTuple):
    """Settings of a request that mean the same for every provider. They win over `config` and the request.

    Attributes:
        system: What the model is told before the conversation.
        temperature: How much answers vary.
        max_output_tokens: Tokens of the answer, thinking included, at most.
        tools: Functions that the model may ask to be called: dicts with `name`, `description` and
            `parameters` (a JSON schema), or tools in the provider's own form.
    """

    system: str | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    tools: Sequence[Any] | None = None


NO_OPTIONS = Options()


class Composed(NamedTuple):
    """A request as it will be sent, and what its answer must fit.

    Attributes:
        schema: The JSON schema for the answer; None for free text.
        model: The pydantic class of which `Response.parsed` is an object; None for plain data.
    """

    request: dict[str, Any]
    schema: dict[str, Any] | None = None
    model: type | None = None


class Format(Protocol):
    """Spells requests and reads answers.

    Bodies come from outside. A method that reads one never raises: what is missing or of another type counts
    as absent.
    """

    name: str
    """Kept with a stored response, so it never changes."""

    def compose(
        self,
        given: Any,
        config: Any = None,
        schema: Any = None,
        attach: Attach | None = None,
        options: Options = NO_OPTIONS,
    ) -> Composed:
        """Turn what a user handed to `submit` into the request that will be sent.

        Args:
            given: A text, a list of texts and files, or messages, which mean the same in every format (see
                `formats.portable`); or a dict in the provider's own form, or an object of its SDK.
            config: Settings in the provider's own words; they win over what the request says.
            schema: A JSON schema or a pydantic model class; wins over a schema in `config`.
            attach: Called for each local file. None names files only, to compare requests.
            options: Settings that mean the same in every format; they win over `config`.

        Raises:
            RequestError: It can never work; the message says why.
        """

    def check(self, model: str, request: Mapping[str, Any]) -> None:
        """Refuse a request that every service of this format would refuse.

        Raises:
            RequestError: With the service's own words where they are known.
        """

    def check_settings(self, request: Mapping[str, Any]) -> None:
        """Refuse settings of a request that no service knows, or whose values it cannot take.

        Unlike `check` it is asked for new prompts only, so that it may grow stricter: what was stored before
        is sent as it is.

        Raises:
            RequestError: The message says where, and which name may have been meant.
        """

    def text(self, body: Mapping[str, Any]) -> str:
        """The text of an answer without thoughts; empty when there is none."""

    def parts(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All parts of an answer, in the provider's own form."""

    def tool_calls(self, body: Mapping[str, Any]) -> list[ToolCall]:
        """The calls that an answer asks for, in order."""

    def finish_reason(self, body: Mapping[str, Any]) -> str:
        """Why the model stopped, in the same words for every provider; empty when it did not say.

        The words are Gemini's: `STOP` (an end of its own, tool calls included), `MAX_TOKENS`, `SAFETY` (a
        filter), `REFUSAL`; what has no such word keeps the provider's, in capitals.
        """

    def raw_finish_reason(self, body: Mapping[str, Any]) -> str:
        """Why the model stopped, in the provider's own word; empty when it did not say."""

    def judge(self, body: Mapping[str, Any]) -> Failure | None:
        """Why an answer is not usable (blocked, truncated, empty, invalid); None when it is usable."""

    def failure(self, status: int, body: Mapping[str, Any]) -> Failure:
        """What a service sent in place of an answer, classified.

        The reason is `rate`, `server`, `context` (the request is longer than the model takes), `blocked`,
        `rejected` (the request is not valid) or `error`; the message has the service's own words.

        Args:
            status: The HTTP status; 0 where there is none.
            body: The error as JSON, or an empty dict.
        """

    def usage(self, body: Mapping[str, Any]) -> TokenCounts:
        """The tokens of an answer; zeros for what it does not tell."""

    def reported_usage(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The token counts of an answer in the provider's own words; empty when it has none."""

    def echo_hash(self, request: Mapping[str, Any]) -> str:
        """Canonical hash of a request: equal for what was sent and for its echo in any spelling.

        Raises:
            TypeError: Something in it is not JSON.
        """


class EmbeddingFormat(Format, Protocol):
    """Spells requests for embeddings, and reads the vectors.

    One request embeds one input. An answer has no text, and asks for no tool.
    """

    def embedding(self, body: Mapping[str, Any]) -> list[float]:
        """The vector of an answer; empty when there is none."""
