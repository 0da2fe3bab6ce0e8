"""Descriptions of what is not sent yet: prompts, gathers, waits, and waits for other chains."""

import hashlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import KW_ONLY
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, Protocol, TypedDict, TypeVar

from gemchain.api.choices import model_of_kind, named_model
from gemchain.api.scope import open_scope
from gemchain.base import jsontext
from gemchain.base.type_variables import Parsed_co, Value_co
from gemchain.durable.frames import Awaited
from gemchain.formats.response import Response
from gemchain.ports import Options
from gemchain.records import GENERATE
from gemchain.records.frozen import frozen
from gemchain.records.retry_policy import NO_POLICY, Backoff
from gemchain.runtime import active

__all__ = ["Branch", "ChainAwait", "GatherSpec", "ModelClass", "PromptOptions", "PromptSpec", "WaitSpec"]

T = TypeVar("T")

Branch = Awaited[T] | Coroutine[Any, Any, T]
"""What may be a branch of a gather, and gives a `T`: a description, or a called async function."""


class ModelClass(Protocol):
    """What type checkers take for a pydantic model: any class that can say its JSON schema."""

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """The JSON schema of the class."""


class OtherOptions(TypedDict, total=False):
    """What `submit` and `prompt` take beside request, model, callback and schema; see `submit`."""

    params: Mapping[str, Any] | None
    on_error: Callable[..., Any] | None
    key: str | None
    accept: Sequence[str]
    max_attempts: int | None
    backoff: Backoff | None
    priority: int
    deadline: datetime | timedelta | None
    labels: Mapping[str, str] | None
    retry_if: Callable[..., Any] | None
    config: Any
    allow_unknown_model: bool
    system: str | None
    temperature: float | None
    max_output_tokens: int | None
    tools: Sequence[Any] | None
    lane: str | None
    escalate_after: float | timedelta | None
    kind: Literal["generate", "embed"]


class PromptOptions(OtherOptions, total=False):
    """What `submit` and `prompt` take beside request, model and callback; see `submit`."""

    schema: type[ModelClass] | Mapping[str, Any] | None


@frozen()
class PromptSpec(Awaited[Response[Parsed_co]], Generic[Parsed_co]):
    """A prompt that is described but not sent: the arguments of `submit`. Made by `prompt()`."""

    request: Any
    model: str | None
    callback: Callable[..., Any] | None = None
    _: KW_ONLY
    params: Mapping[str, Any] | None = None
    on_error: Callable[..., Any] | None = None
    key: str | None = None
    accept: Sequence[str] = ()
    max_attempts: int | None = None
    backoff: Backoff | None = None
    priority: int = 0
    deadline: datetime | timedelta | None = None
    labels: Mapping[str, str] | None = None
    retry_if: Callable[..., Any] | None = None
    config: Any = None
    allow_unknown_model: bool = False
    system: str | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    tools: Sequence[Any] | None = None
    lane: str | None = None
    escalate_after: float | timedelta | None = None
    kind: str = GENERATE
    schema: Any = None

    @property
    def digest(self) -> str:
        """What a replay compares: the model, and everything that is sent; a file by its name alone."""
        runtime, scope = active(), open_scope()
        named = named_model(self.model, scope.rules if scope else NO_POLICY, runtime.settings)
        provider, model = runtime.providers.choose(named)
        _, model = model_of_kind(self.kind, model)
        options = Options(self.system, self.temperature, self.max_output_tokens, self.tools)
        composed = provider.format(model).compose(self.request, self.config, self.schema, options=options)
        sent = jsontext.dump_bytes([named, composed.request])
        return hashlib.blake2b(sent, digest_size=16).hexdigest()


@frozen()
class GatherSpec(Awaited[Value_co], Generic[Value_co]):
    """Branches that are described but not sent, and what follows when all are in. Made by `gather()`."""

    branches: tuple[Any, ...]
    callback: Callable[..., Any] | None = None
    params: Mapping[str, Any] | None = None
    on_error: Callable[..., Any] | None = None
    return_exceptions: bool = False
    key: str | None = None

    @property
    def digest(self) -> str:
        """What a replay compares. Branches that are programs are compared where they await."""
        known = [getattr(branch, "digest", "program") for branch in self.branches]
        return f"gather {len(known)} {hashlib.blake2b(' '.join(known).encode(), digest_size=8).hexdigest()}"


@frozen()
class WaitSpec(Awaited[Any]):
    """A wait for a person that is described: the arguments of `wait`."""

    name: str = ""
    callback: Callable[..., Any] | None = None
    params: Mapping[str, Any] | None = None
    on_error: Callable[..., Any] | None = None
    deadline: datetime | timedelta | None = None

    @property
    def digest(self) -> str:
        """What a replay compares."""
        return f"wait {self.name}"


@frozen()
class ChainAwait(Awaited[Any]):
    """An async chain's wait for another chain's result."""

    chain_id: str

    @property
    def digest(self) -> str:
        """What a replay compares."""
        return f"chain {self.chain_id}"
