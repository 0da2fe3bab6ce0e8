"""What the formats of embeddings have in common: an answer is a vector, and nothing else."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from gemchain.errors import RequestError
from gemchain.ports import Options, ToolCall
from gemchain.records import Failure

__all__ = ["VectorFormat", "check_options"]


def check_options(options: Options, schema: Any) -> None:
    """Refuse settings of generated answers.

    Raises:
        RequestError: One is set; the message says which.
    """
    for name, value in {**options._asdict(), "schema": schema}.items():
        if value is not None:
            raise RequestError(
                f"an embedding takes no {name!r}: it is a vector, and nothing is written; leave it out"
            )


class VectorFormat(ABC):
    """Reads answers that are a vector. Base class of formats."""

    @abstractmethod
    def embedding(self, body: Mapping[str, Any]) -> list[float]:
        """The vector of an answer; see `EmbeddingFormat.embedding`."""

    def text(self, body: Mapping[str, Any]) -> str:
        """None: the answer is a vector; see `Format.text`."""
        del body
        return ""

    def parts(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """None: the answer is a vector; see `Format.parts`."""
        del body
        return []

    def tool_calls(self, body: Mapping[str, Any]) -> list[ToolCall]:
        """None: the answer is a vector; see `Format.tool_calls`."""
        del body
        return []

    def finish_reason(self, body: Mapping[str, Any]) -> str:
        """`STOP` for a vector; see `Format.finish_reason`."""
        return "STOP" if self.embedding(body) else ""

    def raw_finish_reason(self, body: Mapping[str, Any]) -> str:
        """Empty: services do not say why an embedding ended; see `Format.raw_finish_reason`."""
        del body
        return ""

    def judge(self, body: Mapping[str, Any]) -> Failure | None:
        """See `Format.judge`."""
        return None if self.embedding(body) else Failure("empty", "the answer has no vector", retryable=True)
