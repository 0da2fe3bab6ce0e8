"""`make demo-model`: real answers of a real model, on this machine and without an account.

SmolLM2 is small (135 million parameters), so what it says is simple and sometimes odd. It is not simulated:
every answer is computed here, by llama.cpp, while the demo runs.
"""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from examples.demo import gemchain_command
from examples.stories import MODEL, animals
from gemchain.cli.output.errors import reporting_errors
from gemchain.cli.run.command import RunOptions, run_rows

CHAIN = Path(__file__).with_name("stories.py")
STATE = Path(".gemchain-demo-model")


def main() -> int:
    """Run the demo; returns the exit code."""
    console = Console()
    rows, results = STATE / "rows.jsonl", STATE / "results.jsonl"
    shutil.rmtree(STATE, ignore_errors=True)
    STATE.mkdir()
    count = _write_rows(rows, int(os.environ.get("DEMO_ROWS", "0")) or None)
    _print_introduction(console)
    command = _command(rows, results)
    console.print(f"[bold]{count}[/] animals, one chain of three prompts for each:")
    console.print(f"[dim]$[/] {' '.join(command)}\n", highlight=False, soft_wrap=True)
    options = RunOptions(f"{CHAIN}:start", rows, results, str(STATE), command=tuple(command))
    began = time.monotonic()
    try:
        with reporting_errors(debug=False, continue_with=options.command_to_continue()):
            code = run_rows(options)
    except typer.Exit as stopped:
        return stopped.exit_code
    took = time.monotonic() - began
    _print_stories(console, [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()])
    console.print(f"\n[dim]{took:.0f} seconds; nothing was paid. All results: {results}[/]", soft_wrap=True)
    return code


def _command(rows: Path, results: Path) -> list[str]:
    target = f"{os.path.relpath(CHAIN)}:start"
    files = ["--input", str(rows), "--output", str(results), "--state", str(STATE)]
    return [gemchain_command(), "run", target, *files]


def _write_rows(file: Path, limit: int | None) -> int:
    some = list(animals())[:limit]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in some), encoding="utf-8")
    return len(some)


def _print_introduction(console: Console) -> None:
    text = (
        f"The answers are [bold]real[/]: {escape(MODEL)} computes them on this machine.\n"
        "It is a small model: expect simple stories. No account, and nothing is paid."
    )
    console.print(Panel.fit(text, title="[bold]gemchain[/] with a model", border_style="cyan"))


def _print_stories(console: Console, lines: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False, expand=True)
    table.add_column("\nanimal", style="cyan", no_wrap=True)
    table.add_column("\ntitle, first sentence, and words that matter", ratio=1)
    for line in lines:
        if line["state"] == "DONE":
            found = line["result"]
            words = ", ".join(found["words"])
            story = (
                f"[bold]{escape(found['title'])}[/]\n{escape(found['sentence'])} [dim]({escape(words)})[/]"
            )
        else:
            story = f"[red]{escape(line['state'])}[/] {escape(str(line.get('error') or ''))}"
        table.add_row(escape(line["id"]), story)
    console.print(table)


if __name__ == "__main__":
    raise SystemExit(main())
