"""The filter of a list: `display_name="x" AND labels.team=red AND state="JOB_STATE_RUNNING"`.

https://docs.cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs/list
"""

import re
from collections.abc import Callable
from typing import Any

from gemchain.emulators.refusals import invalid

__all__ = ["matcher"]

_TERM = re.compile(
    r"""\s*(display_name|displayName|state|model_display_name|labels(?:\.[a-z0-9_-]+)?)
        \s*(=|!=|:)\s*("(?:[^"\\]|\\.)*"|[^\s"()]+)\s*$""",
    re.VERBOSE,
)
_AND = re.compile(r"\s+AND\s+")

Matches = Callable[[dict[str, Any]], bool]


def matcher(text: str) -> Matches:
    """Whether a job, as its resource, passes the filter.

    Raises:
        Refusal: The filter cannot be read.
    """
    terms = [_term(each) for each in _AND.split(text)] if text.strip() else []
    return lambda resource: all(term(resource) for term in terms)


def _term(text: str) -> Matches:
    found = _TERM.match(text)
    if found is None:
        raise invalid(f"Invalid filter: {text!r} (emulated)")
    field, operator, value = found.groups()
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    if operator == ":":
        return lambda resource: value in (resource.get("labels") or {})
    return lambda resource: (_value(resource, field) == value) is (operator == "=")


def _value(resource: dict[str, Any], field: str) -> Any:
    if field.startswith("labels."):
        return (resource.get("labels") or {}).get(field.removeprefix("labels."))
    return resource.get("displayName" if field in ("display_name", "displayName") else field)
