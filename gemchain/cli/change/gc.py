"""`gemchain gc`: removing chains that ended long ago, with their prompts, batches and files."""

import re
from datetime import timedelta
from typing import Any

from gemchain.cli.output.json_data import print_json
from gemchain.cli.state.opening import existing
from gemchain.display.console import PlainConsole
from gemchain.display.formatting import count
from gemchain.engine.operations.retention import Removed, forget, would_forget
from gemchain.errors import InvalidInputError
from gemchain.records import Space

__all__ = ["age", "collect_garbage"]

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(days=36_500)


def age(text: str) -> timedelta:
    """Parse an age such as `30d`, `12h`, `90m`, `45s` or `2w`; `LONGEST` at most.

    Raises:
        InvalidInputError: The text is not a number with one of these units.
    """
    found = re.fullmatch(r"(\d{1,5})([smhdw])", text.strip())
    if found is None:
        raise InvalidInputError(f"--older-than takes an age such as 30d, 12h, 90m or 2w, not {text!r}")
    return min(timedelta(**{UNITS[found[2]]: int(found[1])}), LONGEST)


def collect_garbage(
    state: str | None, older_than: str, *, keys: bool, dry_run: bool, compact: bool, as_json: bool
) -> None:
    """Remove chains that ended at least so long ago, and prompts, batches and files that nothing needs."""
    limit = age(older_than)
    with existing(state) as runtime:
        before = runtime.store.space()
        removed = would_forget(runtime, limit, keys=keys) if dry_run else forget(runtime, limit, keys=keys)
        if compact and not dry_run:
            runtime.store.compact()
        after = runtime.store.space()
    if as_json:
        print_json(_data(removed, before, after, dry_run=dry_run))
        return
    console = PlainConsole(highlight=False, soft_wrap=True)
    for line in _lines(removed, older_than, dry_run=dry_run):
        console.print(line)
    if before is not None and after is not None:
        console.print(_database_size(before, after, compact=compact))


def _data(removed: Removed, before: Space | None, after: Space | None, *, dry_run: bool) -> dict[str, Any]:
    return {"dry_run": dry_run, "removed": removed, "database": {"before": before, "after": after}}


def _lines(removed: Removed, older_than: str, *, dry_run: bool) -> list[str]:
    did = "would remove" if dry_run else "removed"
    if removed == Removed():
        return [f"nothing ended more than {older_than} ago, and can be removed"]
    chains, prompts = count(removed.chains, "chain"), count(removed.prompts, "prompt")
    lines = [f"{did} {chains}, ended more than {older_than} ago, and {prompts}"]
    if removed.kept_keys:
        lines.append(
            f"{count(removed.kept_keys, 'chain')} with a key: prompts and arguments go, key and result stay, "
            "so starting them again costs nothing; --forget-keys removes them, too"
        )
    most = "at most " if dry_run else ""
    lines.append(
        f"{did} {most}{count(removed.batches, 'batch')} with {count(removed.files, 'file')}, "
        f"{_bytes(removed.size)}"
    )
    return lines


def _database_size(before: Space, after: Space, *, compact: bool) -> str:
    text = f"database {_bytes(before.size)} before, {_bytes(after.size)} now"
    if after.free and not compact:
        text += (
            f", of which {_bytes(after.free)} are free for new records; --compact gives them back to the disk"
        )
    return text


def _bytes(number: int) -> str:
    for size, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if number >= size:
            return f"{number / size:,.1f} {name}"
    return f"{number} bytes"
