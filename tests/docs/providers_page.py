"""The tables of `docs/providers.md`, made from the code: `python -m tests.docs.providers_page`."""

import os
from pathlib import Path
from unittest import mock

from gemchain.cli.state.opening import providers_to_describe
from gemchain.errors import RequestError
from gemchain.formats.registry import format_named
from gemchain.ports import Options
from gemchain.providers.capabilities import TABLE
from gemchain.providers.choice import model_prefix
from gemchain.records.lanes import BATCH

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
BEGIN = "<!-- {} made by `python -m tests.docs.providers_page` -->\n"
END = "<!-- end -->\n"

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
TOOL = {"name": "look", "description": "Look.", "parameters": SCHEMA}
SPELLED = {
    "`system=`": {"options": Options(system="Be short.")},
    "`temperature=`": {"options": Options(temperature=0.5)},
    "`max_output_tokens=`": {"options": Options(max_output_tokens=9)},
    "`tools=`": {"options": Options(tools=[TOOL])},
    "`schema=`": {"schema": SCHEMA},
}
FORMATS = {
    "gemini": "Gemini",
    "openai_chat": "OpenAI",
    "openai_responses": "OpenAI, `responses/`",
    "anthropic": "Anthropic",
    "mistral": "Mistral",
    "openai_compat": "compat",
}
CAN = (
    "provider",
    "models",
    "lanes, the cheapest first",
    "a batch takes",
    "a batch costs",
    "files",
    "schema",
    "tools",
    "seed",
    "a job that ends early",
    "webhook",
)
SERVER = '{"name": {"url": "http://127.0.0.1:8000/v1"}}'
"""A server of the setting `compat`, to show what those can do."""

INSIDE = ("generationConfig", "output_config", "text")
"""Fields of which the parts are named."""


def providers():
    """What each provider can do."""
    lines = [f"| {' | '.join(CAN)} |\n", f"{'|---' * len(CAN)}|\n"]
    with mock.patch.dict(os.environ, GEMCHAIN_COMPAT=SERVER):
        known = providers_to_describe()
    for name in known.names:
        provider = known.named(name)
        can, limits = TABLE.get(name) or provider.capabilities(""), provider.limits
        batch = BATCH in can.lanes
        cells = (
            name,
            f"`{model_prefix(name) or 'gemini-'}…`",
            ", ".join(can.lanes),
            f"{limits.max_requests:,} prompts, {limits.max_bytes / 1e6:,.0f} MB" if batch else "",
            f"{can.batch_price:.0%}" if batch else "",
            ", ".join(can.files),
            can.schema,
            *("yes" if each else "no" for each in (can.tools, can.seed)),
            ("keeps its rows" if can.partial else "delivers nothing") if batch else "",
            "yes" if can.webhook else "no",
        )
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def spelling():
    """Where each format puts what means the same for all."""
    lines = [f"| you write | {' | '.join(FORMATS.values())} |\n", f"|---{'|---' * len(FORMATS)}|\n"]
    for said, given in SPELLED.items():
        cells = [_spelled(format_named(name), given) for name in FORMATS]
        lines.append(f"| {said} | {' | '.join(cells)} |\n")
    return "".join(lines)


def _spelled(wire_format, given):
    try:
        after = wire_format.compose("Why?", **given).request
    except RequestError:
        return "refused"
    return ", ".join(_changes(wire_format.compose("Why?").request, after))


def _changes(before, after, path=""):
    for key, value in after.items():
        if before.get(key) == value:
            continue
        if key in INSIDE and isinstance(value, dict):
            yield from _changes(before.get(key, {}), value, f"{key}.")
        elif isinstance(value, list) and key in before:
            yield f"a message of the role `{value[0]['role']}`"
        else:
            yield f"`{path}{key}`"


TABLES = {"providers": providers, "spelling": spelling}


def with_tables(text):
    """The page with tables that are current."""
    for name, table in TABLES.items():
        begin = BEGIN.format(name)
        before, found, rest = text.partition(begin)
        assert found, begin
        text = before + begin + "\n" + table() + "\n" + END + rest.partition(END)[2]
    return text


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
