"""`gemchain show`: all details of a chain, a prompt or a batch."""

from collections import Counter
from itertools import islice
from textwrap import shorten
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gemchain.base import jsontext
from gemchain.cli.output.json_data import batch_data, chain_data, print_json, prompt_data
from gemchain.cli.output.raised import raised_at
from gemchain.cli.state.lookup import find
from gemchain.cli.state.opening import existing
from gemchain.cli.views.drawing import STYLES, draw
from gemchain.display.console import wide_console
from gemchain.display.formatting import (
    KINDS,
    Models,
    count,
    duration,
    lane_of,
    models_of,
    moment,
    money,
    outcomes,
    tokens,
)
from gemchain.engine.answers.stored import read_answer
from gemchain.errors import BlobError
from gemchain.formats.response import Response
from gemchain.records import NO_USAGE, Batch, Chain, Failure, Prompt
from gemchain.records.arguments import NOTHING, arguments_of
from gemchain.records.lanes import split
from gemchain.runtime import Runtime

__all__ = ["show_anything"]

LONG = 400
"""Characters of arguments that are shown; `--json` has them all."""

MOST = 1000
"""Prompts of one chain that are shown."""

SHOWN_NUMBERS = 4
"""Numbers of a vector that are shown; `--json` has them all."""


def show_anything(state: str | None, text: str, *, as_json: bool) -> None:
    """Print the record with this id."""
    with existing(state) as runtime:
        match find(runtime.store, text):
            case Chain() as chain:
                _show_chain(runtime, chain, as_json=as_json)
            case Prompt() as prompt:
                _show_prompt(runtime, prompt, as_json=as_json)
            case Batch() as batch:
                _show_batch(batch, as_json=as_json)


def _pairs(*pairs: tuple[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", "{}", {}, []):
            table.add_row(name, value if isinstance(value, Table) else escape(str(value)))
    return table


def _coloured(state: str) -> str:
    return f"[{STYLES.get(state, 'default')}]{state}[/]"


def _print_failure(console: Console, failure: Failure | None) -> None:
    if failure is None:
        return
    console.print(
        f"[red]{escape(failure.reason)}:[/] {escape(failure.message)}", soft_wrap=True, highlight=False
    )
    place = raised_at(failure.traceback)
    if place is not None:
        console.print(f"raised at {place}", style="red", markup=False, highlight=False, soft_wrap=True)
    if failure.traceback:
        console.print(failure.traceback.rstrip(), style="dim", markup=False, highlight=False, soft_wrap=True)


def _show_chain(runtime: Runtime, chain: Chain, *, as_json: bool) -> None:
    prompts = sorted(
        islice(runtime.store.chain_prompts(chain.id), MOST), key=lambda each: (each.depth, each.path)
    )
    if as_json:
        print_json(chain_data(chain) | {"prompts": [prompt_data(each) for each in prompts]})
        return
    console = wide_console()
    console.print(f"chain [bold]{chain.id}[/]  {_coloured(chain.state)}", highlight=False)
    console.print(_chain_pairs(chain, prompts))
    for line in draw(prompts, console.width):
        console.print(line, highlight=False, soft_wrap=True)
    if len(prompts) == MOST:
        console.print(f"and more; the first {MOST:,} prompts are shown", style="dim")
    _print_failure(console, chain.failure)
    if chain.result is not None:
        console.print("[dim]result[/]")
        console.print(_readable(chain.result), markup=False, highlight=False, soft_wrap=True)


def _chain_pairs(chain: Chain, prompts: list[Prompt]) -> Table:
    usage = NO_USAGE
    for prompt in prompts:
        usage = usage.plus(prompt.progress.usage)
    asked = Models().plus((prompt.provider, prompt.model) for prompt in prompts)
    states = Counter(prompt.progress.state.value for prompt in prompts)
    took = chain.ended_at and duration((chain.ended_at - chain.created_at).total_seconds())
    return _pairs(
        ("key", chain.key),
        ("function", chain.function),
        ("arguments", _arguments(chain)),
        ("started", moment(chain.created_at)),
        ("ended", chain.ended_at and f"{moment(chain.ended_at)}, after {took}"),
        ("prompts", ", ".join(f"{number:,} {state}" for state, number in states.items())),
        ("tokens", tokens(usage) if usage != NO_USAGE else ""),
        ("money", money(usage, asked)),
    )


def _arguments(chain: Chain) -> str:
    if arguments_of(chain.args) is None:
        return "" if chain.args == NOTHING else "removed by `gemchain gc`"
    return shorten(chain.args, LONG, placeholder=" …")


def _readable(text: str) -> str:
    value = jsontext.load(text)
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value, indent=2, ensure_ascii=False)


def _answer(runtime: Runtime, prompt: Prompt) -> Response | str | None:
    """The answer, read from its output file; or a text that says why it cannot be read."""
    ref = prompt.progress.answer
    if ref is None:
        return None
    try:
        row = read_answer(runtime, prompt.provider, ref)
    except (BlobError, ValueError) as error:
        return f"(cannot be read: {error})"
    if row.body is None:
        return None
    wire_format = runtime.providers.format_of(prompt)
    return Response(row.body, model=prompt.model, prompt_id=prompt.id, wire_format=wire_format)


def _show_prompt(runtime: Runtime, prompt: Prompt, *, as_json: bool) -> None:
    request = runtime.store.requests([prompt.id]).get(prompt.id, "null")
    answer = _answer(runtime, prompt)
    if as_json:
        text = _answer_data(answer) if isinstance(answer, Response) else answer
        print_json(prompt_data(prompt) | {"request": jsontext.load(request), "answer": text})
        return
    console = wide_console()
    console.print(f"prompt [bold]{prompt.id}[/]  {_coloured(prompt.progress.state)}", highlight=False)
    console.print(_prompt_pairs(prompt))
    _print_failure(console, prompt.progress.failure)
    for name, text in (("request", _readable(request)), ("answer", _answer_text(answer))):
        if text:
            console.print(f"[dim]{name}[/]")
            console.print(text, markup=False, highlight=False, soft_wrap=True)


def _answer_text(answer: Response | str | None) -> str:
    if not isinstance(answer, Response):
        return answer or ""
    data = _answer_data(answer)
    text = data if isinstance(data, str) else _vector_text(data)
    return f"{text}\n({answer.finish_reason})"


def _answer_data(answer: Response) -> str | list[float]:
    """The text of an answer, or its vector."""
    return answer.embedding if hasattr(answer.wire_format, "embedding") else answer.text


def _vector_text(vector: list[float]) -> str:
    """A vector by its first numbers."""
    shown = ", ".join(f"{each:.4g}" for each in vector[:SHOWN_NUMBERS])
    return f"[{shown}{', …' if len(vector) > SHOWN_NUMBERS else ''}] ({len(vector)} numbers)"


def _prompt_pairs(prompt: Prompt) -> Table:
    progress = prompt.progress
    asked = Models().plus([(prompt.provider, prompt.model)])
    return _pairs(
        ("chain", prompt.chain_id),
        ("parent", prompt.parent_id),
        ("path", f"{prompt.path}, depth {prompt.depth}"),
        ("kind", KINDS.get(prompt.kind, prompt.kind)),
        ("model", f"{prompt.provider}:{prompt.model}" if prompt.model else ""),
        ("lane", split(prompt.lane)[0] if prompt.model else ""),
        ("callback", prompt.callback),
        ("on_error", prompt.on_error),
        ("params", shorten(prompt.params, LONG, placeholder=" …")),
        ("attempt", f"{progress.attempt} of {prompt.max_attempts}" if prompt.model else ""),
        ("callback raised", count(progress.callback_attempts, "time") if progress.callback_attempts else ""),
        ("batch", progress.batch_id),
        ("queued", moment(prompt.created_at)),
        ("claimed", moment(progress.claimed_at)),
        ("answered", moment(progress.answered_at)),
        ("ended", moment(progress.ended_at)),
        ("not before", moment(progress.not_before_at)),
        ("deadline", moment(prompt.deadline_at)),
        ("tokens", tokens(progress.usage) if progress.usage != NO_USAGE else ""),
        ("money", money(progress.usage, asked)),
    )


def _show_batch(batch: Batch, *, as_json: bool) -> None:
    if as_json:
        print_json(batch_data(batch))
        return
    console = wide_console()
    console.print(f"batch [bold]{batch.id}[/]  {_coloured(batch.state)}", highlight=False)
    console.print(
        _pairs(
            ("model", f"{batch.provider}:{batch.model}"),
            ("lane", lane_of(batch)),
            ("prompts", f"{batch.requests:,}, {batch.size:,} bytes"),
            ("job", batch.job),
            ("planned", moment(batch.created_at)),
            ("sent", moment(batch.sent_at)),
            ("next poll", moment(batch.poll_at) if batch.arrived_at is None else ""),
            ("arrived", moment(batch.arrived_at)),
            ("closed", moment(batch.closed_at)),
            ("input", batch.input_uri),
            ("output", "\n".join(file.uri for file in batch.output)),
            ("parts", batch.parts or ""),
            ("rows", outcomes(batch.counts)),
            ("tokens", tokens(batch.usage) if batch.usage != NO_USAGE else ""),
            ("money", money(batch.usage, models_of([batch]))),
        )
    )
    _print_failure(console, batch.failure)
