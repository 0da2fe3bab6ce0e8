"""Which endpoint of the API, and which wire format, a model's name chooses.

`MODEL` is asked by chat completions, `responses/MODEL` by the Responses API, `embeddings/MODEL` for vectors.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

__all__ = ["CHAT", "Endpoint", "endpoint_of"]

Path = Literal["/v1/chat/completions", "/v1/responses", "/v1/embeddings"]


class Endpoint(NamedTuple):
    """An endpoint of the API.

    Attributes:
        path: As lines of an input file and batches name it.
        wire_format: The name of its format.
        can: What differs there from what the provider can do; fields of `Capabilities`.
    """

    path: Path
    wire_format: str
    can: Mapping[str, Any]


TEXTS = {"kinds": ("generate",)}

CHAT = Endpoint("/v1/chat/completions", "openai_chat", TEXTS)

VECTORS = {"kinds": ("embed",), "files": ("text",), "schema": "", "tools": False, "seed": False}

BY_PREFIX = {
    "responses": Endpoint("/v1/responses", "openai_responses", {**TEXTS, "seed": False}),
    "embeddings": Endpoint("/v1/embeddings", "openai_embeddings", VECTORS),
}


def endpoint_of(model: str) -> tuple[Endpoint, str]:
    """The endpoint that serves a model, and the model's name as the service knows it."""
    prefix, slash, name = model.partition("/")
    found = BY_PREFIX.get(prefix) if slash and name else None
    return (CHAT, model) if found is None else (found, name)
