"""Descriptions of what is not sent yet: prompts, gathers, waits, and waits for other chains."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY
from datetime import datetime, timedelta
from typing import Any, TypedDict

from gemchain.base import jsontext
from gemchain.durable.frames import Awaited
from gemchain.records.frozen import frozen
from gemchain.records.retry_policy import Backoff
from gemchain.runtime import active

__all__ = ["ChainAwait", "GatherSpec", "PromptOptions", "PromptSpec", "WaitSpec"]


class PromptOptions(TypedDict, total=False):
    """What `submit` and `prompt` take beside request, model and callback; see `submit`."""

    params: Mapping[str, Any] | None
    on_error: Callable[..., Any] | None
    key: str | None
    schema: Any
    accept: Sequence[str]
    max_attempts: int | None
    backoff: Backoff | None
    priority: int
    deadline: datetime | timedelta | None
    labels: Mapping[str, str] | None
    retry_if: Callable[..., Any] | None
    config: Any
    allow_unknown_model: bool


@frozen()
class PromptSpec(Awaited):
    """A prompt that is described but not sent: the arguments of `submit`. Made by `prompt()`."""

    request: Any
    model: str
    callback: Callable[..., Any] | None = None
    _: KW_ONLY
    params: Mapping[str, Any] | None = None
    on_error: Callable[..., Any] | None = None
    key: str | None = None
    schema: Any = None
    accept: Sequence[str] = ()
    max_attempts: int | None = None
    backoff: Backoff | None = None
    priority: int = 0
    deadline: datetime | timedelta | None = None
    labels: Mapping[str, str] | None = None
    retry_if: Callable[..., Any] | None = None
    config: Any = None
    allow_unknown_model: bool = False

    @property
    def digest(self) -> str:
        """What a replay compares: the model, and everything that is sent; a file by its name alone."""
        provider, model = active().providers.choose(self.model)
        composed = provider.format(model).compose(self.request, self.config, self.schema)
        sent = jsontext.dump_bytes([self.model, composed.request])
        return hashlib.blake2b(sent, digest_size=16).hexdigest()


@frozen()
class GatherSpec(Awaited):
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
class WaitSpec(Awaited):
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
class ChainAwait(Awaited):
    """An async chain's wait for another chain's result."""

    chain_id: str

    @property
    def digest(self) -> str:
        """What a replay compares."""
        return f"chain {self.chain_id}"
