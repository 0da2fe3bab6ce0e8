"""Which providers there are, made from the settings."""

from collections.abc import Callable
from functools import partial
from typing import Any

from gemchain.ports import Blobs, Clock, Provider
from gemchain.providers.choice import choose_provider
from gemchain.providers.compat_servers import PREFIX, CompatServer, compat_servers
from gemchain.runtime import Providers
from gemchain.settings import Settings

__all__ = ["providers_of"]

Responder = Callable[[dict[str, Any]], Any]


def providers_of(
    settings: Settings, blobs: Blobs, clock: Clock, responder: Responder | None = None
) -> Providers:
    """All providers, by name. Each is made, and its SDK imported, when it is first asked for.

    Args:
        settings: The settings.
        blobs: Where files are kept.
        clock: Tells the simulated provider the time.
        responder: Answers `simulated/…` models in place of the built-in one.
    """

    def simulated() -> Provider:
        from gemchain.providers.simulated import SimulatedProvider

        return SimulatedProvider(
            blobs,
            clock,
            responder=responder,
            turnaround=settings.simulated_turnaround,
            seed=settings.simulated_seed,
            faults=settings.simulated_faults,
            concurrency=settings.concurrency,
        )

    def vertex() -> Provider:
        from gemchain.providers.vertex import VertexProvider

        return VertexProvider(
            blobs,
            project=settings.project,
            location=settings.location,
            endpoint=settings.vertex_endpoint,
            concurrency=settings.concurrency,
        )

    def gemini_api() -> Provider:
        from gemchain.providers.gemini_api import GeminiApiProvider

        return GeminiApiProvider(
            blobs, endpoint=settings.gemini_api_endpoint, concurrency=settings.concurrency
        )

    def local() -> Provider:
        from gemchain.providers.local.provider import LocalProvider

        return LocalProvider(
            slots=min(settings.local_slots, settings.concurrency) or 1, context=settings.local_context
        )

    def anthropic() -> Provider:
        from gemchain.providers.anthropic import AnthropicProvider

        return AnthropicProvider(
            blobs, endpoint=settings.anthropic_endpoint, concurrency=settings.concurrency
        )

    def mistral() -> Provider:
        from gemchain.providers.mistral import MistralProvider

        return MistralProvider(blobs, endpoint=settings.mistral_endpoint, concurrency=settings.concurrency)

    def openai() -> Provider:
        from gemchain.providers.openai import OpenAIProvider

        return OpenAIProvider(blobs, concurrency=settings.concurrency)

    constructors = {
        "simulated": simulated,
        "vertex": vertex,
        "gemini-api": gemini_api,
        "openai": openai,
        "anthropic": anthropic,
        "mistral": mistral,
        "local": local,
        **_servers(settings, blobs),
    }
    names = compat_servers(settings.compat).keys()
    return Providers(constructors, lambda model: choose_provider(model, names))


def _servers(settings: Settings, blobs: Blobs) -> dict[str, Callable[[], Provider]]:
    """The servers of the setting `compat`, by their providers' names."""

    def server(name: str, entry: CompatServer) -> Provider:
        from gemchain.providers.compat import CompatProvider

        return CompatProvider(name, entry, blobs, concurrency=settings.concurrency)

    return {
        f"{PREFIX}{name}": partial(server, name, entry)
        for name, entry in compat_servers(settings.compat).items()
    }
