"""The report of `gemchain run --dry-run`, as text and as JSON."""

import json
from collections.abc import Iterator
from typing import Any

from rich.text import Text

from gemchain.cli.dry_run.counts import Estimate, Rehearsal, request_of
from gemchain.cli.output.json_data import print_json
from gemchain.display.console import PlainConsole
from gemchain.display.formatting import SIMULATED, amount, count
from gemchain.money import prices
from gemchain.money.estimates import CHARACTERS_PER_TOKEN
from gemchain.records import NO_USAGE, Usage

__all__ = ["print_report"]

SHOWN = 5
"""Kinds of failures that are shown."""

LINES = 40
"""Lines of the first request that are shown."""

MILLION = 1_000_000


def print_report(found: Rehearsal, function: str, rows: str, *, as_json: bool) -> None:
    """Print what starting the rows would do."""
    if as_json:
        print_json(_as_data(found))
        return
    console = PlainConsole(highlight=False)
    console.print(Text(f"{function} with {rows}: nothing is recorded and nothing is sent.", style="bold"))
    for line in _lines(found):
        console.print(line, soft_wrap=True)


def _as_data(found: Rehearsal) -> dict[str, Any]:
    first = found.first
    return {
        "rows": found.rows,
        "known": found.known,
        "started": found.started,
        "ended": found.ended,
        "waits": found.waits,
        "failures": [
            {"message": message, "rows": rows, "first": found.examples[message]}
            for message, rows in found.failures.most_common()
        ],
        "characters_per_token": CHARACTERS_PER_TOKEN,
        "models": [
            {
                "provider": provider,
                "model": model,
                "lane": lane,
                "prompts": estimate.prompts,
                "prompt_tokens": estimate.usage.prompt_tokens,
                "cost": estimate.usage.cost if prices.known(model, provider) else None,
                "full_cost": estimate.usage.full_cost if prices.known(model, provider) else None,
                "simulated": provider == SIMULATED,
            }
            for (provider, model, lane), estimate in found.models.items()
        ],
        "first_request": None
        if first is None
        else {
            "row": first.row.row.number,
            "model": first.draft.prompt.model,
            "request": request_of(first.draft),
        },
    }


def _lines(found: Rehearsal) -> Iterator[Text]:
    known = f", {found.known:,} of them with a chain already" if found.known else ""
    yield _pair("rows", f"{found.rows:,}{known}")
    yield _pair("chains", f"{found.started:,} new{_ended(found)}")
    for message, rows in found.failures.most_common(SHOWN):
        text = f"{count(rows, 'row')} cannot be started; {found.examples[message]}: {message}"
        yield _pair("failures", text, style="red")
    if len(found.failures) > SHOWN:
        yield _pair("", f"and {count(len(found.failures) - SHOWN, 'other reason')}", style="red")
    yield from _prompts(found)
    if found.first is not None:
        yield from _request(found)


def _ended(found: Rehearsal) -> str:
    parts = []
    if found.ended:
        parts.append(f"{found.ended:,} end at once, without a prompt")
    if found.waits:
        parts.append(count(found.waits, "wait"))
    return f" ({'; '.join(parts)})" if parts else ""


def _prompts(found: Rehearsal) -> Iterator[Text]:
    if not found.models:
        yield _pair("prompts", "none")
        return
    for (provider, model, lane), estimate in found.models.items():
        yield _pair("prompts", f"{estimate.prompts:,} to {provider}:{model}, lane {lane}")
        yield _pair("tokens", f"about {estimate.usage.prompt_tokens:,} in the requests")
        yield from (_pair(name, text) for name, text in _price(provider, model, lane, estimate))
    total = _total(found)
    if len(found.models) > 1:
        yield _pair("in all", f"about {total.prompt_tokens:,} tokens, {amount(total.cost)} as sent")
    for line in (
        f"Tokens are estimated at {CHARACTERS_PER_TOKEN:g} characters each; files are not counted.",
        "These are the first prompts of each chain: prompts that follow and answers come on top.",
    ):
        yield Text(f"  {line}", style="dim")


def _total(found: Rehearsal) -> Usage:
    total = NO_USAGE
    for estimate in found.models.values():
        total = total.plus(estimate.usage)
    return total


def _price(provider: str, model: str, lane: str, estimate: Estimate) -> Iterator[tuple[str, str]]:
    price = prices.price(provider, model, lane)
    if price is None:
        yield "price", f"no price is known for {model}"
        return
    usage = estimate.usage
    yield "price", f"about {amount(usage.cost)} as sent, {amount(usage.full_cost)} interactive"
    yield "answers", f"{amount(price.usual.answer * MILLION)} a million tokens"
    if provider == SIMULATED:
        yield "", "(list prices; the model is simulated, and no money is spent)"


def _request(found: Rehearsal) -> Iterator[Text]:
    assert found.first is not None
    row, draft = found.first
    yield Text(f"\nThe first request ({row.row.place}, {draft.prompt.model}):", style="bold")
    lines = json.dumps(request_of(draft), indent=2, ensure_ascii=False).splitlines()
    yield from map(Text, lines[:LINES])
    if len(lines) > LINES:
        yield Text(f"… {count(len(lines) - LINES, 'line')} more; --json has all", style="dim")


def _pair(name: str, value: str, style: str = "default") -> Text:
    return Text(f"  {name:<9}", style="dim").append(value, style=style)
