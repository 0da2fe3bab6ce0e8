"""Environment variables: the name of each setting's, and those that mean nothing."""

import logging
from collections.abc import Iterable, Mapping

from gemchain.settings import Settings

__all__ = ["DEPLOYMENT", "unknown_variables", "variable_of", "warn_of_unknown_variables"]

PREFIX = "GEMCHAIN_"

DEPLOYMENT = frozenset(
    {
        "GEMCHAIN_BUCKET",
        "GEMCHAIN_EVENT_SECONDS",
        "GEMCHAIN_MAX_DISPATCHES",
        "GEMCHAIN_MEMORY",
        "GEMCHAIN_PART_SECONDS",
        "GEMCHAIN_PREFIX",
        "GEMCHAIN_REGION",
        "GEMCHAIN_RETRY_SECONDS",
        "GEMCHAIN_SCHEDULE_SECONDS",
        "GEMCHAIN_START_KEY",
    }
)
"""Parameters of a deployment to Firebase, see `gemchain.firebase.parameters`."""

_logger = logging.getLogger("gemchain")
_warned: set[str] = set()


def variable_of(setting: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + setting.upper()


def unknown_variables(environment: Iterable[str]) -> dict[str, str | None]:
    """`GEMCHAIN_…` variables that mean nothing, each with the nearest name that does, or None."""
    known = DEPLOYMENT.union(map(variable_of, Settings.names()))
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    if not unknown:
        return {}
    from difflib import get_close_matches  # rarely needed, and 1 ms to import

    names = sorted(name.removeprefix(PREFIX) for name in known)
    near = {name: get_close_matches(name.removeprefix(PREFIX), names, n=1) for name in unknown}
    return {name: PREFIX + found[0] if found else None for name, found in near.items()}


def warn_of_unknown_variables(environment: Mapping[str, str]) -> None:
    """Log a warning for each variable that means nothing, once in the life of the process."""
    for name, near in unknown_variables(environment).items():
        if name not in _warned:
            _warned.add(name)
            hint = f"did you mean {near}?" if near else "`gemchain config` lists the settings"
            _logger.warning("%s is no setting and is ignored; %s", name, hint)
