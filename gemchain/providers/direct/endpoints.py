"""The addresses of the services, and what each lane adds to a request.

- OpenAI: https://developers.openai.com/api/docs/guides/flex-processing; half price by `service_tier`.
- Anthropic: https://platform.claude.com/docs/en/api/messages; it has no flex lane.
- Mistral: https://docs.mistral.ai/api; neither has Mistral.
- Gemini API: https://ai.google.dev/gemini-api/docs/flex-inference; half price by `serviceTier`.
- Vertex AI: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/flex-paygo; half price by a
  header, on the endpoint `global` alone.
"""

from collections.abc import Mapping
from typing import Any

from gemchain.formats.embeddings.gemini import GEMINI_EMBEDDINGS
from gemchain.formats.embeddings.names import asks_for_vectors, without_prefix
from gemchain.formats.gemini.format import GEMINI
from gemchain.ports import Format
from gemchain.providers.direct.endpoint import TIMEOUTS, Auth, Endpoint, FixedHeaders
from gemchain.records import Batch
from gemchain.records.lanes import FLEX

__all__ = [
    "ANTHROPIC_VERSION",
    "CHAT",
    "EMBEDDINGS",
    "RESPONSES",
    "anthropic",
    "gemini_api",
    "mistral",
    "openai",
    "openai_compatible",
    "vertex",
]

OPENAI = "https://api.openai.com/v1"
ANTHROPIC = "https://api.anthropic.com"
MISTRAL = "https://api.mistral.ai/v1"
GEMINI_API = "https://generativelanguage.googleapis.com"

CHAT, RESPONSES, EMBEDDINGS = "chat/completions", "responses", "embeddings"
"""Paths of OpenAI's API, and of those that are like it."""

ANTHROPIC_VERSION = "2026-10-21"
"""https://platform.claude.com/docs/en/api/versioning"""

TIER = {"service_tier": FLEX}
VERTEX_FLEX = {"X-Vertex-AI-LLM-Shared-Request-Type": FLEX}


def openai(
    batch: Batch,
    wire_format: Format,
    key: str,
    *,
    model: str = "",
    path: str = CHAT,
    base_url: str = "",
    concurrency: int = 64,
) -> Endpoint:
    """OpenAI's API.

    Args:
        batch: Whose requests are sent.
        wire_format: That of its model.
        key: The API key.
        model: The model's name there, where it is not that of the batch.
        path: Which of its endpoints.
        base_url: Address of a stand-in, up to and with `/v1`; empty for the API itself.
        concurrency: Requests that are on their way at the same time, at most.
    """
    model = model or batch.model
    return Endpoint(
        provider=batch.provider,
        service="OpenAI",
        model=model,
        url=_address(base_url or OPENAI, path),
        format=wire_format,
        auth=_bearer(key),
        lane=batch.lane,
        fields={"model": model, **(TIER if batch.lane == FLEX else {})},
        timeout=TIMEOUTS[batch.lane],
        concurrency=concurrency,
        key_help="check OPENAI_API_KEY and the account at https://platform.openai.com/settings/organization",
        model_help="see the models at https://platform.openai.com/docs/models",
    )


def anthropic(
    batch: Batch, wire_format: Format, key: str, *, base_url: str = "", concurrency: int = 64
) -> Endpoint:
    """Anthropic's API; see `openai` for the arguments. The base has no `/v1`, as in their SDK."""
    return Endpoint(
        provider=batch.provider,
        service="Anthropic",
        model=batch.model,
        url=_address(base_url or ANTHROPIC, "v1/messages"),
        format=wire_format,
        auth=FixedHeaders({"x-api-key": key}),
        headers={"anthropic-version": ANTHROPIC_VERSION},
        fields={"model": batch.model},
        lane=batch.lane,
        concurrency=concurrency,
        key_help="check ANTHROPIC_API_KEY and the account at https://platform.claude.com/settings",
        model_help="see the models at https://platform.claude.com/docs/en/about-claude/models",
    )


def mistral(
    batch: Batch,
    wire_format: Format,
    key: str,
    *,
    base_url: str = "",
    concurrency: int = 64,
) -> Endpoint:
    """Mistral's API; see `openai` for the arguments. `embeddings/…` is asked for vectors."""
    path = EMBEDDINGS if asks_for_vectors(batch.model) else CHAT
    return Endpoint(
        provider=batch.provider,
        service="Mistral",
        model=batch.model,
        url=_address(base_url or MISTRAL, path),
        format=wire_format,
        auth=_bearer(key),
        fields={"model": without_prefix(batch.model)},
        lane=batch.lane,
        concurrency=concurrency,
        key_help="check MISTRAL_API_KEY and the account at https://console.mistral.ai",
        model_help="see the models at https://docs.mistral.ai/getting-started/models",
    )


def gemini_api(
    batch: Batch, key: str, base_url: str = "", *, concurrency: int = 64, key_help: str = ""
) -> Endpoint:
    """The Gemini API with a key; see `openai` for the arguments. `embeddings/…` is asked for vectors."""
    embeds = asks_for_vectors(batch.model)
    model = without_prefix(batch.model).removeprefix("models/")
    verb = "embedContent" if embeds else "generateContent"
    return Endpoint(
        provider=batch.provider,
        service="the Gemini API",
        model=batch.model,
        url=_address(base_url or GEMINI_API, f"v1beta/models/{model}:{verb}"),
        format=GEMINI_EMBEDDINGS if embeds else GEMINI,
        auth=FixedHeaders({"x-goog-api-key": key}),
        fields={"serviceTier": FLEX} if batch.lane == FLEX else {},
        lane=batch.lane,
        timeout=TIMEOUTS[batch.lane],
        concurrency=concurrency,
        key_help=key_help,
        model_help="see the models at https://ai.google.dev/gemini-api/docs/models",
    )


def vertex(batch: Batch, path: str, host: str, auth: Auth, *, concurrency: int = 64) -> Endpoint:
    """Vertex AI.

    Args:
        batch: Whose requests are sent.
        path: The model's whole name, `projects/…/locations/…/publishers/google/models/…`.
        host: `https://aiplatform.googleapis.com`, or that of a region.
        auth: Google credentials.
        concurrency: Requests that are on their way at the same time, at most.
    """
    return Endpoint(
        provider=batch.provider,
        service="Vertex AI",
        model=batch.model,
        url=_address(host, f"v1/{path}:generateContent"),
        format=GEMINI,
        auth=auth,
        headers=VERTEX_FLEX if batch.lane == FLEX else {},
        lane=batch.lane,
        timeout=TIMEOUTS[batch.lane],
        concurrency=concurrency,
        key_help="log in with: gcloud auth application-default login, and give the account the role "
        "roles/aiplatform.user",
        model_help="the model may be retired, or not be served in this location",
    )


def openai_compatible(  # noqa: PLR0913 -- named options that the provider passes on
    batch: Batch,
    wire_format: Format,
    *,
    service: str,
    base_url: str,
    key: str = "",
    headers: Mapping[str, str] | None = None,
    fields: Mapping[str, Any] | None = None,
    path: str = CHAT,
    concurrency: int = 64,
    key_help: str = "",
) -> Endpoint:
    """A server that speaks OpenAI's API; `base_url` goes up to and with `/v1`."""
    return Endpoint(
        provider=batch.provider,
        service=service,
        model=batch.model,
        url=_address(base_url, path),
        format=wire_format,
        auth=_bearer(key) if key else FixedHeaders({}),
        headers=headers or {},
        fields={**(fields or {}), "model": batch.model},
        lane=batch.lane,
        concurrency=concurrency,
        key_help=key_help,
        model_help=f"see the models at {_address(base_url, 'models')}",
    )


def _bearer(key: str) -> FixedHeaders:
    return FixedHeaders({"authorization": f"Bearer {key}"})


def _address(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path}"
