"""`gemchain run --dry-run`: rows are checked and their function is run; nothing is recorded or sent."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from gemchain.api.start_units import rehearse
from gemchain.base.chunks import chunked
from gemchain.cli.dry_run.counts import Rehearsal
from gemchain.cli.dry_run.report import print_report
from gemchain.cli.output.errors import NOT_ALL_DONE
from gemchain.cli.run.choices import check_choices
from gemchain.cli.run.files import Files, check_output, opened
from gemchain.cli.run.loading import load, locate
from gemchain.cli.run.parameters import Checked, Parameters, Params, check_rows, key_digest
from gemchain.cli.run.safe_results import check_results
from gemchain.cli.run.starting import GROUP, row_chain_id
from gemchain.cli.state.opening import configured, environment
from gemchain.ports import Store
from gemchain.runtime import Runtime
from gemchain.wiring import open_store, rehearsing

__all__ = ["DryRunOptions", "rehearse_rows"]


class DryRunOptions(NamedTuple):
    """The options of the command line; as those of `RunOptions`."""

    target: str
    rows: Path
    output: Path | None = None
    state: str | None = None
    model: str | None = None
    lane: str | None = None
    format: str | None = None
    limit: int | None = None
    overwrite: bool = False
    partial: bool = False
    as_json: bool = False


def rehearse_rows(options: DryRunOptions) -> int:
    """Check the rows, run the function for each whose chain does not exist, and report what would be sent.

    No state is made; one that exists is read, to tell which chains exist.

    Returns:
        The exit code: 0 when every row can be started, 1 when not.

    Raises:
        InvalidInputError: The files, the function or the rows are wrong, as for `run_rows`.
    """
    target = locate(options.target)
    with (
        environment(options.state, target.root, options.model, options.lane),
        rehearsing(),
        opened(options.rows, options.output, options.format) as files,
    ):
        function = load(target)
        parameters = Parameters(function)
        checked = check_rows(lambda: islice(files.input.rows(), options.limit), parameters)

        def rows() -> Iterator[Params]:
            return map(parameters.of, islice(files.input.rows(), options.limit))

        _check_output(options, files, function, rows)
        runtime = configured(options.state)
        check_choices(runtime, options.model, options.lane)
        found = _rehearse(runtime, function, rows(), checked)
        name = f"{target.module}:{target.function}"
        print_report(found, name, files.input.name, as_json=options.as_json)
    return NOT_ALL_DONE if found.failures else 0


def _check_output(
    options: DryRunOptions, files: Files, function: Callable[..., Any], rows: Callable[[], Iterator[Params]]
) -> None:
    if files.output is not None:
        check_output(files)
        check_results(options, files, function, rows)


def _rehearse(
    runtime: Runtime, function: Callable[..., Any], rows: Iterator[Params], checked: Checked
) -> Rehearsal:
    found, store = Rehearsal(checked.rows), _existing_store(runtime)
    try:
        for group in chunked(_once(rows, checked), GROUP):
            ids = {row_chain_id(function, row): row for row in group}
            known = store.chains(list(ids)) if store is not None else {}
            found.known += len(known)
            for identity, row in ids.items():
                if identity not in known:
                    _rehearse_row(found, function, row)
    finally:
        if store is not None:
            store.close()
    return found


def _once(rows: Iterator[Params], checked: Checked) -> Iterator[Params]:
    """The rows, those of one key once: they share a chain."""
    seen: set[str] = set()
    for row in rows:
        if checked.repeated and key_digest(row.key) in checked.repeated:
            if row.key in seen:
                continue
            seen.add(row.key)
        yield row


def _rehearse_row(found: Rehearsal, function: Callable[..., Any], row: Params) -> None:
    try:
        unit = rehearse(function, row)
    except Exception as error:  # noqa: BLE001 -- a user's function may raise anything
        found.add_failure(row, function, error)
    else:
        found.add(row, unit)


def _existing_store(runtime: Runtime) -> Store | None:
    settings = runtime.settings
    if not settings.store and not (Path(settings.state) / "gemchain.db").exists():
        return None
    return open_store(settings)
