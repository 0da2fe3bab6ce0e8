"""Which names of models are known, so that a typing error is refused before anything is sent.

A name is known when it has a price (a published one, or one of the user's) or stands in the setting
`known_models`. `FAMILIES` says for each provider which names are looked up; one that is missing there takes
any name. No service is asked: a submit makes no network call.
"""

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from gemchain.errors import ModelError
from gemchain.money import prices

__all__ = ["FAMILIES", "Family", "check_model", "names_in"]

NEAR = 0.84
"""How much alike two names are, from 0 to 1, when one counts as the other mistyped."""

OFFERED = 3
"""Near names that are offered."""

_OWN = re.compile(r"(?:^tunedModels/|^projects/[^/]+/locations/[^/]+/(?:endpoints|models)/)[^/]+\Z")
"""Names of models that a user has tuned: numbers, or names of their own."""

_NUMBERS = re.compile(r"[\d.]+")

_PATH = re.compile(
    r"^(?:models/|publishers/google/models/|projects/[^/]+/locations/[^/]+/publishers/google/models/)"
)


class Family(NamedTuple):
    """How the names of one provider are looked up.

    Attributes:
        bare: The name to look up; None for a name that nobody can know.
        invents: Whether names that resemble no known one, or are of another version, are taken: names that
            users make up, and models that came after the table of prices.
    """

    bare: Callable[[str], str | None]
    invents: bool = False


def _google(model: str) -> str | None:
    return None if _OWN.search(model) else _PATH.sub("", model)


def _simulated(model: str) -> str:
    return _PATH.sub("", model.removeprefix("plain/"))


def _openai(model: str) -> str | None:
    return None if model.startswith("ft:") else model.removeprefix("responses/")


FAMILIES: dict[str, Family] = {
    "vertex": Family(_google),
    "gemini-api": Family(_google),
    "openai": Family(_openai, invents=True),
    "anthropic": Family(str, invents=True),
    "mistral": Family(lambda model: None if model.startswith("ft:") else model, invents=True),
    "simulated": Family(_simulated, invents=True),
}
"""The providers whose models' names are looked up."""

_BEGINNINGS = ("gemini-",)
"""What names of real models begin with, which nobody makes up for a simulated one."""


def names_in(setting: str) -> frozenset[str]:
    """The names in a setting that lists them, separated by commas."""
    return frozenset(filter(None, (each.strip() for each in setting.split(","))))


def check_model(given: str, provider: str, model: str, more: Collection[str] = ()) -> None:
    """Refuse a name that is not known.

    Args:
        given: The name as the user wrote it.
        provider: The provider that it chooses.
        model: The model's name there.
        more: Names that are known as well, as users write them or without their prefix.

    Raises:
        ModelError: It is not known; the message offers names that are alike.
    """
    family = FAMILIES.get(provider)
    bare = None if family is None else family.bare(model.removeprefix("embeddings/"))
    if family is None or bare is None or {given, model, bare} & set(more) or prices.known(bare, provider):
        return
    near = [] if _is_made_up(provider, bare) else _near(bare, [*prices.models(provider), *more])
    if family.invents and not bare.startswith(_BEGINNINGS) and (not near or _is_newer(bare, near)):
        return
    before = given.removesuffix(bare) if given.endswith(bare) else ""
    hint = (
        f"did you mean {' or '.join(repr(before + each) for each in near)}?"
        if near
        else "no name is like it."
    )
    raise ModelError(
        f"no model is known as {given!r}; {hint} If it is new, pass allow_unknown_model=True, add it to the "
        "setting known_models (GEMCHAIN_KNOWN_MODELS), or set GEMCHAIN_ALLOW_UNKNOWN_MODELS=1"
    )


def _is_made_up(provider: str, name: str) -> bool:
    """Whether a simulated model is called after none: real ones have a number."""
    return provider == "simulated" and not any(map(str.isdigit, name))


def _is_newer(name: str, near: list[str]) -> bool:
    """Whether a name differs from a known one in its numbers alone."""
    return _NUMBERS.sub("", name) in {_NUMBERS.sub("", each) for each in near}


def _near(name: str, known: list[str]) -> list[str]:
    from difflib import get_close_matches  # rarely needed, and 1 ms to import

    return get_close_matches(name, dict.fromkeys(known), n=OFFERED, cutoff=NEAR)
