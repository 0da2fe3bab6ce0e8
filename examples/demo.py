"""`make demo`: thousands of real chains, from queue to result, in under a minute and without an account.

The texts are real, and so are the steps of gemchain: queue, batches, files, callbacks, commits. Only the
answers are simulated: a responder picks sentences and keywords from each prompt's own text. No model is
called, and nothing is paid.
"""

import json
import os
import shutil
import sys
from itertools import islice
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from examples.stdlib import functions
from gemchain.cli.output.errors import reporting_errors
from gemchain.cli.run.command import RunOptions, run_rows

CHAIN = Path(__file__).with_name("docstrings.py")
MODEL = os.environ.get("DEMO_MODEL", "simulated/gemini-3.5-flash-lite")
SIMULATED = MODEL.startswith("simulated/")
STATE = Path(".gemchain-demo" if SIMULATED else ".gemchain-demo-paid")
REAL = "gemini-3.5-flash-lite"
TURNAROUND = "2"
"""Seconds that a simulated batch takes; a real one takes minutes to hours."""
SHOWN = 6
WORDS = 26


def main() -> int:
    """Run the demo; returns the exit code."""
    console = Console()
    limit = int(os.environ.get("DEMO_ROWS", "0")) or None
    rows, results = STATE / "rows.jsonl", STATE / "results.jsonl"
    command = _command(rows, results)
    if SIMULATED:  # a paid state is continued, never deleted
        shutil.rmtree(STATE, ignore_errors=True)
    STATE.mkdir(exist_ok=True)
    _print_introduction(console)
    with console.status("Reading the docstrings of Python's standard library…"):
        count = _write_rows(rows, limit)
    console.print(
        f"[bold]{count:,}[/] public functions with a docstring, one chain of three prompts for each:"
    )
    console.print(f"[dim]$[/] {' '.join(command)}\n", highlight=False, soft_wrap=True)
    os.environ.setdefault("GEMCHAIN_SIMULATED_TURNAROUND", TURNAROUND)
    options = RunOptions(f"{CHAIN}:start", rows, results, str(STATE), command=tuple(command))
    try:
        with reporting_errors(debug=False, continue_with=options.command_to_continue()):
            code = run_rows(options)
    except typer.Exit as stopped:
        return stopped.exit_code
    _print_some_results(console, results)
    console.print()
    _print_next_steps(console)
    return code


def _command(rows: Path, results: Path) -> list[str]:
    target = f"{os.path.relpath(CHAIN)}:start"
    return [
        gemchain_command(),
        "run",
        target,
        "--input",
        str(rows),
        "--output",
        str(results),
        "--state",
        str(STATE),
    ]


def gemchain_command() -> str:
    """The command as it can be typed: its name, or its path in the virtual environment that make has made."""
    return (
        "gemchain"
        if shutil.which("gemchain")
        else os.path.relpath(Path(sys.executable).with_name("gemchain"))
    )


def _print_introduction(console: Console) -> None:
    simulated = (
        "The answers are [bold]simulated[/]: a responder picks them from each prompt's own text.\n"
        "All the rest is what a real run does: queue, batches, files, callbacks, commits."
    )
    real = f"The answers come from [bold]{escape(MODEL)}[/], and are paid."
    text = simulated if SIMULATED else real
    console.print(Panel.fit(text, title="[bold]gemchain[/] demo", border_style="cyan", padding=(0, 1)))


def _write_rows(file: Path, limit: int | None) -> int:
    count = 0
    with file.open("w", encoding="utf-8") as out:
        for count, row in enumerate(islice(functions(), limit), 1):  # noqa: B007 -- the last one is the count
            out.write(json.dumps(row) + "\n")
    return count


def _print_some_results(console: Console, results: Path) -> None:
    lines = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    done = [line["result"] for line in lines if line["state"] == "DONE"]
    short = [entry for entry in done if len(entry["name"]) <= WORDS] or done
    some = short[len(short) // 9 :: max(1, len(short) // SHOWN)][:SHOWN]
    title = f"\n{len(some)} of {len(done):,} entries"
    table = Table(box=None, pad_edge=False, expand=True, title=title, title_justify="left")
    longest = max((len(entry["name"]) for entry in some), default=1)
    table.add_column("function", style="cyan", no_wrap=True, min_width=longest)
    table.add_column("entry", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("keywords", style="dim", width=WORDS, no_wrap=True, overflow="ellipsis")
    for entry in some:
        line = " ".join(entry["entry"].split())
        table.add_row(*map(escape, (entry["name"], line, ", ".join(entry["keywords"]))))
    console.print(table)


def _print_next_steps(console: Console) -> None:
    install = f"{os.path.relpath(sys.executable)} -m pip install 'gemchain\\[gemini]'"
    real = f"GEMCHAIN_PROJECT=PROJECT GEMCHAIN_BLOBS=gs://BUCKET/demo DEMO_MODEL={REAL} make demo"
    for name, text in (
        ("All results:", f"{STATE}/results.jsonl"),
        ("Look around:", f"{gemchain_command()} status --state {STATE}"),
        ("On Vertex AI:", f"{install}"),
        ("", f"{real}   [dim](paid at the batch price; DEMO_ROWS=20 tries a few)[/]"),
    ):
        console.print(f"[dim]{name:<14}[/]{text}", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    raise SystemExit(main())
