"""Which provider a model's name chooses."""

import re
from collections.abc import Collection

from gemchain.errors import ModelError
from gemchain.money import prices

__all__ = ["PREFIXES", "VERTEX_MODEL", "choose_provider", "model_prefix"]

PREFIXES = {each: each for each in ("simulated", "gemini-api", "openai", "anthropic", "mistral", "local")}
"""Prefixes of model names, before a slash, and the provider that each chooses."""

_SERVICES = ("openai", "anthropic", "mistral")
"""Providers whose models are often named without their prefix."""

COMPAT = "compat"
"""Prefix of the models of a server of the setting `compat`, before the server's name."""

VERTEX_MODEL, VERTEX_PATH = "gemini-", "publishers/google/models/"
"""Prefixes of the names of models on Vertex AI."""

VERTEX_OWN = re.compile(
    r"projects/[^/]+/locations/[^/]+/(?:publishers/google/models|models|endpoints)/[^/]+\Z"
)
"""Whole names on Vertex AI, such as those of models that were tuned in a project."""


def choose_provider(model: str, servers: Collection[str] | None = None) -> tuple[str, str]:
    """The provider that a model's name chooses, and the model's name there.

    Args:
        model: The name as a user writes it.
        servers: The names of the servers of the setting `compat`; None takes any.

    Raises:
        ModelError: No provider serves the model; the message names the most similar name that is served.
    """
    if not isinstance(model, str) or not model.strip():
        raise ModelError(f"a model is a name such as 'simulated/echo', not {model!r}")
    prefix, slash, inner = model.partition("/")
    if prefix == COMPAT:
        return _of_server(model, inner, servers)
    if model.startswith(VERTEX_PATH) or (not slash and model.startswith(VERTEX_MODEL)):
        return "vertex", model.removeprefix(VERTEX_PATH)
    if VERTEX_OWN.match(model):
        return "vertex", model
    if slash and prefix in PREFIXES and inner:
        return PREFIXES[prefix], inner
    raise ModelError(f"no provider serves the model {model!r}; {_hint(prefix, inner)}")


def _of_server(model: str, inner: str, servers: Collection[str] | None) -> tuple[str, str]:
    name, _, rest = inner.partition("/")
    if servers is None or name in servers:
        if not name or not rest:
            raise ModelError(f"{model!r} names no model; write it as '{COMPAT}/{name or 'NAME'}/MODEL'")
        return f"{COMPAT}-{name}", rest
    there = f"there are {', '.join(sorted(servers))}" if servers else "it names none"
    raise ModelError(f"no server {name!r} is in the setting compat ({there}), so none serves {model!r}")


def _hint(prefix: str, inner: str) -> str:
    from difflib import get_close_matches  # rarely needed, and 1 ms to import

    if not inner and (served := [each for each in _SERVICES if prices.known(prefix, each)]):
        return f"did you mean {' or '.join(repr(f'{each}/{prefix}') for each in served)}?"
    if not inner and (near := get_close_matches(prefix, prices.models(), n=1)):
        return f"did you mean {near[0]!r}?"
    if near := get_close_matches(prefix, (*PREFIXES, COMPAT), n=1):
        return f"did you mean '{near[0]}/{inner or 'MODEL'}'?"
    return f"a name begins with {_known()}"


def _known() -> str:
    return " or ".join(
        f"'{each}'" for each in (*(f"{prefix}/" for prefix in (*PREFIXES, COMPAT)), VERTEX_MODEL)
    )


def model_prefix(provider: str) -> str:
    """What the names of a provider's models begin with in `submit`; empty for Vertex AI.

    The names of a server of the setting `compat`, whose provider is `compat-NAME`, begin with `compat/NAME/`.
    """
    kind, _, name = provider.partition("-")
    if provider not in PREFIXES.values() and kind == COMPAT:
        return f"{kind}/{name}/"
    return next((f"{prefix}/" for prefix, each in PREFIXES.items() if each == provider), "")
