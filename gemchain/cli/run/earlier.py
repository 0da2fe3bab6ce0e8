"""Whether an output file is an earlier result of the same run, which may be replaced without asking.

It is one if gemchain wrote exactly this content for the same function and input, as a record in the state
says; or if each of its rows is of a chain of this run, and they have the run's order.

Crash story. The record is written before the new results get their name, and still knows the older ones.
A process that dies in between leaves a file that the record knows. Where the state is not on this machine,
and where the record is lost, the rows tell.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gemchain.api.start_units import function_name
from gemchain.cli.run.results import COLUMNS, FIELDS
from gemchain.data.inputs import Input
from gemchain.data.outputs import Output
from gemchain.data.parquet import column_of
from gemchain.errors import ConfigurationError, InvalidInputError
from gemchain.settings import Settings

__all__ = ["OutputRecords", "check_overwrite", "is_earlier_result", "records_of"]

FOLDER = "outputs"
"""The folder of the records inside the state."""

KEPT = 2
"""Contents of one output that are remembered: the newest, and the one that it replaces."""


@dataclass(frozen=True, slots=True)
class OutputRecords:
    """What this run wrote to which file.

    Attributes:
        folder: Where the records are; None where the state is not on this machine.
        function: The name of the run's function.
        input: The run's input; None when its name does not tell its rows, as for a stream.
    """

    folder: Path | None
    function: str
    input: str | None

    def matches(self, output: Path) -> bool:
        """Whether the file holds what gemchain wrote there for this function and input."""
        record = self._read(output)
        if self.input is None or (record.get("function"), record.get("input")) != (self.function, self.input):
            return False
        return _fingerprint(output) in record.get("written", [])

    def note(self, output: Path, content: Path) -> None:
        """Record what is about to become the content of the file.

        Raises:
            OSError: It cannot be written.
        """
        if self.folder is None:
            return
        before = self._read(output).get("written", []) if self.matches(output) else []
        contents = [_fingerprint(content), *before][:KEPT]
        record = {"output": str(output), "function": self.function, "input": self.input, "written": contents}
        path = self._path(output)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
        temporary.write_bytes(orjson.dumps(record))
        temporary.replace(path)

    def _path(self, output: Path) -> Path:
        assert self.folder is not None
        return self.folder / f"{hashlib.blake2b(os.fsencode(output), digest_size=15).hexdigest()}.json"

    def _read(self, output: Path) -> dict[str, Any]:
        if self.folder is None:
            return {}
        try:
            found = orjson.loads(self._path(output).read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) and isinstance(found.get("written"), list) else {}


def _fingerprint(path: Path) -> str | None:
    """Size and digest of a file; None when there is none."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()
            return f"{file.tell()}-{digest}"
    except OSError:
        return None


def records_of(
    settings: Settings, function: Callable[..., Any], source: Input, limit: int | None
) -> OutputRecords:
    """The records of a run's outputs. A run with a limit has other rows than the input's name says."""
    folder = None if settings.store else Path(settings.state).resolve() / FOLDER
    named = not source.stream and limit is None
    return OutputRecords(
        folder, function_name(function), str(Path(os.path.realpath(source.path))) if named else None
    )


def check_overwrite(output: Output, records: OutputRecords, chains: Callable[[], Iterable[str]]) -> None:
    """Refuse to replace a file that is no earlier result of this run. An empty file may be replaced.

    Args:
        output: What will be written.
        records: Those of this run.
        chains: Gives the ids of the run's chains in the order of its rows.

    Raises:
        InvalidInputError: It is none.
    """
    if output.has_content and not is_earlier_result(output, records, chains()):
        raise InvalidInputError(
            f"{str(output.path)!r} exists and is no earlier result of this function with this input. "
            "Name another file, or say --overwrite to replace it"
        )


def is_earlier_result(output: Output, records: OutputRecords, chains: Iterable[str]) -> bool:
    """Whether a file is an earlier result of the same run."""
    return records.matches(output.target) or _has_only(output, chains)


def _has_only(output: Output, chains: Iterable[str]) -> bool:
    """Whether the file has results of these chains alone, in their order."""
    rest = iter(chains)
    try:
        return all(chain in rest for chain in _chains_in(output))
    except (InvalidInputError, ConfigurationError, ValueError, OSError):
        return False  # it is something else, or damaged


def _chains_in(output: Output) -> Iterator[str]:
    """The chains of the rows of a file that `gemchain run` wrote.

    Raises:
        ValueError: It did not write the file.
        InvalidInputError: The same.
    """
    if output.layout.format == "parquet":
        yield from column_of(output.target, "chain")
        return
    source = Input(output.target, output.layout, output.path.name)
    is_csv = output.layout.format == "csv"
    if is_csv and source.first_line().strip() != ",".join(column.name for column in COLUMNS):
        raise ValueError("the header is another")
    for row in source.rows():
        if not (is_csv or row.fields.keys() <= FIELDS) or not isinstance(row.fields.get("chain"), str):
            raise ValueError("a row is another")
        yield row.fields["chain"]
