"""Rows without an id: they are matched to prompts by the batch's own files alone.

A provider does not promise to echo the id that was sent along. A row that lacks it is matched by the
canonical hash of the request it echoes. Where several prompts ask the same, they take the output's rows in
turn: answers before errors, each in the order of the files, and none for a prompt that some row names. So the
owner of a row depends on an input and an output that never change, and not on where the prompts stand. A part
that is dispatched again, or at the same time as another, comes to the same owners.

While the job runs the output still grows. Rows with a request that one prompt alone asks are matched then,
too. All others are deferred until the output is whole.

Both files are read only when such a row is met. The process that meets it first stores what it found beside
the input. Processes that meet one at once find and store the same. A file that is lost takes its rows with
it; its own part reports that, and the other parts are not held up.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from gemchain.engine.rows.lines import read_lines
from gemchain.errors import BlobNotFoundError
from gemchain.formats import direct_rows
from gemchain.ports import Format, Row
from gemchain.records import AnswerRef, Batch, OutputFile
from gemchain.records.states import BatchState
from gemchain.runtime import Runtime

__all__ = ["Owners", "owners"]


HEARTBEAT_ROWS = 1_000
"""Rows of an output that are read between two heartbeats."""


class Owners(NamedTuple):
    """Whose rows without an id are.

    Attributes:
        found: The prompt's id by the row's place; None where rows with this request are more than prompts.
            Rows that echo nothing the batch has asked are left out.
        deferred: Rows that only the whole output tells apart, while the job still runs.
    """

    found: dict[AnswerRef, str | None]
    deferred: set[AnswerRef]


def owners(
    runtime: Runtime, batch: Batch, rows: Mapping[AnswerRef, Row], heartbeat: Callable[[], object]
) -> Owners:
    """Whose these rows are, none of which names its prompt.

    Args:
        runtime: Where the files are.
        batch: The batch that the rows answer, as it was read before them.
        rows: By their places.
        heartbeat: Called again and again while the whole output is read, which may take minutes.
    """
    files = _Files(runtime, batch, heartbeat)
    asking = _asking(files)
    whole = batch.state is not BatchState.SENT
    owned = Owners({}, set())
    for ref, row in rows.items():
        candidates = asking.get(_echoed(files.wire_format, row) or "", ())
        if len(candidates) == 1:
            (owned.found[ref],) = candidates
        elif candidates and whole:
            owned.found[ref] = _turns(files).get(files.place(ref.uri, ref.offset))
        elif candidates:
            owned.deferred.add(ref)
    return owned


class _Files:
    """What a batch sent and got, and what was found out about it. Equal for the same files."""

    def __init__(self, runtime: Runtime, batch: Batch, heartbeat: Callable[[], object]) -> None:
        self.blobs = runtime.blobs
        self.heartbeat = heartbeat
        self.provider = runtime.providers.named(batch.provider)
        self.wire_format = self.provider.format(batch.model)
        self.batch = batch
        self._name = f"batches/{batch.id}/{{}}-{(batch.input_uri or '').rpartition('-')[2]}.txt"
        self._numbers = {file.uri: number for number, file in enumerate(batch.output)}

    def __hash__(self) -> int:
        return hash(self._name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Files) and other._key() == self._key()

    def _key(self) -> tuple[object, ...]:
        return self.blobs.uri(self._name), self.batch.input_uri, self.batch.output

    def place(self, uri: str, offset: int) -> str:
        """A row of the output, as it is written down."""
        return f"{self._numbers.get(uri)} {offset}"

    def kept(self, kind: str, find: Callable[[], Iterable[str]]) -> list[str]:
        """The lines that were stored, or else those that are found and stored now."""
        name = self._name.format(kind)
        if self.blobs.stat(self.blobs.uri(name)) is None:
            self.blobs.put(name, "".join(f"{line}\n" for line in find()).encode(), if_absent=True)
        return self.blobs.read(self.blobs.uri(name)).decode(errors="replace").splitlines()


@lru_cache(maxsize=1)
def _asking(files: _Files) -> dict[str, tuple[str, ...]]:
    """By the hash of a request, the prompts that ask it, in the order of the input."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in files.kept("manifest", lambda: _find_asking(files)):
        digest, _, prompt_id = line.partition(" ")
        found[digest].append(prompt_id)
    return {digest: tuple(ids) for digest, ids in found.items()}


def _find_asking(files: _Files) -> Iterator[str]:
    assert files.batch.input_uri is not None
    info = files.blobs.stat(files.batch.input_uri)
    if info is None:
        return
    file = OutputFile(info.uri, info.generation, info.size)
    for _, line in read_lines(files.blobs, file, 0, info.size):
        prompt_id, request = files.provider.read_input(line)
        yield f"{files.wire_format.echo_hash(request)} {prompt_id}"


@lru_cache(maxsize=1)
def _turns(files: _Files) -> dict[str, str]:
    """By the place of a row that could be several prompts', the prompt whose turn it is."""
    lines = files.kept("turns", lambda: _find_turns(files))
    return {place: prompt_id for place, _, prompt_id in (line.rpartition(" ") for line in lines)}


def _find_turns(files: _Files) -> Iterator[str]:
    shared = {digest: ids for digest, ids in _asking(files).items() if len(ids) > 1}
    several = {prompt_id for ids in shared.values() for prompt_id in ids}
    named: set[str] = set()
    places: defaultdict[str, list[tuple[bool, int, int]]] = defaultdict(list)
    for number, offset, row in _output(files):
        if row.prompt_id is not None:
            named |= {row.prompt_id} & several
        elif (digest := _echoed(files.wire_format, row) or "") in shared:
            places[digest].append((row.failure is not None, number, offset))
    for digest, rows in places.items():
        unnamed = (each for each in shared[digest] if each not in named)
        for (_, number, offset), prompt_id in zip(sorted(rows), unnamed, strict=False):
            yield f"{number} {offset} {prompt_id}"


def _output(files: _Files) -> Iterator[tuple[int, int, Row]]:
    """Every row of the output: the number of its file, its offset and what it says."""
    for number, file in enumerate(files.batch.output):
        lines = read_lines(files.blobs, file, 0, file.size)
        with suppress(BlobNotFoundError):
            while some := list(islice(lines, HEARTBEAT_ROWS)):
                files.heartbeat()
                for offset, line in some:
                    with suppress(ValueError):  # a damaged row, counted where it is dispatched
                        yield number, offset, direct_rows.read_output(files.provider, line)


def _echoed(wire_format: Format, row: Row) -> str | None:
    """The hash of what a row echoes; None for what no input can have been."""
    try:
        return None if row.request is None else wire_format.echo_hash(row.request)
    except (TypeError, ValueError, RecursionError):
        return None
