"""The store for more than one machine: Firestore in Native mode.

A document for each prompt, chain, batch and part, readable in the console (`firestore_documents`). A
prompt takes three writes and two reads: created, claimed (read with its request), looked up for its
answer, moved; the second read is spared where the process that claimed it also dispatches it.
`FIRESTORE_EMULATOR_HOST` leads to an emulator instead, without credentials.
"""

import copy
import re
import urllib.parse
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import Any

from gemchain.base.clock import SystemClock
from gemchain.errors import ConfigurationError
from gemchain.ports import Blobs, Clock
from gemchain.records import Batch, Chain, InputRow, Part, Prompt, Run, Unit, Verdict
from gemchain.records.identity import chain_id, is_join
from gemchain.records.states import ChainState, PromptState
from gemchain.stores.firestore.batches import Batches
from gemchain.stores.firestore.claims.cache import ClaimCache
from gemchain.stores.firestore.claims.claim import Claim
from gemchain.stores.firestore.claims.database import Database
from gemchain.stores.firestore.claims.queues import Queues
from gemchain.stores.firestore.client.connection import Connection, record_id
from gemchain.stores.firestore.client.errors import Place
from gemchain.stores.firestore.client.query import NAME, Query
from gemchain.stores.firestore.client.values import fields_of
from gemchain.stores.firestore.commits.commit import Committer
from gemchain.stores.firestore.commits.overflow import OverflowWrites
from gemchain.stores.firestore.counters import CounterShards
from gemchain.stores.firestore.documents.documents import (
    batch_record,
    chain_record,
    member_key,
    part_record,
)
from gemchain.stores.firestore.documents.spill import Spill
from gemchain.stores.firestore.reads.reading import Reader
from gemchain.stores.firestore.reads.unsettled import unmark
from gemchain.stores.firestore.reads.waits import Waits
from gemchain.stores.firestore.retention import Retention
from gemchain.stores.firestore.runs import read_runs, write_run
from gemchain.stores.firestore.work import Work, in_order

__all__ = ["FirestoreStore"]

_ADDRESS = re.compile(r"firestore://(?P<project>[^/?#]+)(/(?P<database>[^/?#]*))?(\?(?P<options>[^#]*))?")

SAMPLE = 500
"""Chains whose functions are tried when a key is looked for."""


class FirestoreStore(Work, Retention):
    """A `Store` in Firestore. `gemchain.ports.Store` is the contract.

    What it adds to the contract: among prompts of one priority a short queue gives the one that waited
    longest first, a long one anybody; chains are listed by id, batches newest first. Times are the service's
    own. Threads may share one store. What the service does not take is tried four times within some two
    seconds; a try that hears nothing lasts half a minute.

    Args:
        project: The Google Cloud project.
        database: The database in it.
        prefix: What the names of the collections begin with.
        blobs: Where long texts lie.
        clock: This machine's time.
        keep: How long linear chains and their prompts stay after their end, for Firestore's TTL policies to
            remove; None for ever. A key is good for as long: after that its chain would run again. Forked and
            async chains, and batches with their files, stay until `gemchain gc`.
        client: A `google.cloud.firestore.Client` to use instead of one of its own.

    Raises:
        MissingExtraError: google-cloud-firestore is not installed (on import of this module).
        StoreRefusedError: There are no credentials.
        ConfigurationError: The prefix is no name.
    """

    def __init__(
        self,
        project: str,
        database: str = "(default)",
        prefix: str = "gemchain",
        *,
        blobs: Blobs,
        clock: Clock | None = None,
        keep: timedelta | None = None,
        client: Any = None,
    ) -> None:
        if not prefix.replace("_", "").replace("-", "").isalnum() or prefix.startswith("__"):
            raise ConfigurationError(f"a prefix is made of letters, digits, '_' and '-', not {prefix!r}")
        self._place = Place(project, database)
        self._connection = Connection(self._place, prefix, clock or SystemClock(), client)
        self._spill = Spill(blobs, prefix)
        self._counters = CounterShards(self._connection)
        self._queues = Queues(self._connection, self._counters)
        self._claimed = ClaimCache(self._count_claimed)
        self._database = Database(self._connection, self._spill, self._counters, self._queues, self._claimed)
        self._reader = Reader(self._connection, self._spill, self._claimed)
        self._waits = Waits(self._connection, self._counters, self._reader)
        self._batches = Batches(self._connection, self._spill, self._counters)
        self._overflow = OverflowWrites(self._connection, self._spill)
        self._keep = keep
        self._owners: frozenset[str] | None = None

    @classmethod
    def from_address(cls, address: str, *, blobs: Blobs, clock: Clock | None = None) -> "FirestoreStore":
        """The store at `firestore://PROJECT/(default)?prefix=gemchain&keep_days=30`.

        What is left out is `(default)`, `gemchain`, and for ever.

        Raises:
            ConfigurationError: It is no such address.
            StoreRefusedError: There are no credentials.
        """
        found = _ADDRESS.fullmatch(address)
        options = dict(urllib.parse.parse_qsl(found["options"] or "")) if found else {}
        days = options.pop("keep_days", "")
        prefix = options.pop("prefix", "gemchain")
        if not found or options or not (days or "1").isdecimal():
            raise ConfigurationError(
                f"{address!r} is no address such as 'firestore://PROJECT/(default)?prefix=gemchain&keep_days=30'"
            )
        keep = timedelta(days=int(days)) if days else None
        database = urllib.parse.unquote(found["database"] or "(default)")
        return cls(found["project"], database, prefix, blobs=blobs, clock=clock, keep=keep)

    def owned_by(self, owners: Collection[str] | None) -> "FirestoreStore":
        """The same store, showing only the work of these owners; see `Store.owned_by`."""
        view = copy.copy(self)
        view._owners = None if owners is None else frozenset(owners)  # noqa: SLF001 -- a copy of this object
        return view

    def owners(self) -> set[str]:
        """Everyone whose work was ever recorded."""
        return self._counters.owners()

    def save_run(self, run: Run) -> None:
        """Record a run, or that it is continued."""
        write_run(self._connection, run)

    def runs(self, ids: Collection[str] | None = None, *, limit: int = 100) -> list[Run]:
        """Runs with these ids, or all, the one begun last first."""
        return read_runs(self._connection, ids, limit)

    def commit(self, units: Sequence[Unit], *, into: Sequence[Batch] = ()) -> list[Verdict]:
        """Apply each unit whole or not at all; see `Store.commit`."""
        self._claimed.moving(move for unit in units for move in unit.moves)
        committer = Committer(self._database, self._overflow, keep=self._keep, into=into)
        verdicts = committer.commit(units)
        if into:  # the caller commits the parents again, without the lost batch
            barred = [unit for unit, told in zip(units, verdicts, strict=True) if told is Verdict.CONFLICT]
            self._claimed.staying(move for unit in barred for move in unit.moves)
        return verdicts

    def prompts(self, ids: Collection[str]) -> dict[str, Prompt]:
        """The prompts with these ids."""
        return {prompt.id: prompt for prompt in self._reader.prompts(ids)}

    def requests(self, ids: Collection[str]) -> dict[str, str]:
        """The requests of these prompts, as JSON text."""
        return {row.prompt_id: row.request for row in self._reader.requests(ids)}

    def chains(self, ids: Collection[str]) -> dict[str, Chain]:
        """The chains with these ids."""
        return self._reader.by_id("chains", ids, chain_record)

    def chain_prompts(self, chain_id: str) -> Iterator[Prompt]:
        """All prompts of a chain, or of a join's branches, by id."""
        field = "join_id" if is_join(chain_id) else "chain_id"
        for page in self._reader.pages((field, "==", chain_id)):
            yield from page

    def has_open(self, chain_id: str) -> bool:
        """Whether any prompt of the chain, or of the join's branches, is unfinished."""
        field = "open_join" if is_join(chain_id) else "open_chain"
        query = Query([(field, "==", chain_id)], fields=[NAME], limit=1)
        return self._overflow.holds(chain_id) or bool(self._connection.find("prompts", query))

    def list_chains(
        self,
        *,
        state: ChainState | None = None,
        owner: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[Chain]:
        """Chains by id; `after` is the last id of the page before."""
        if owner is not None:
            return self._reader.chains_of(owner, state, limit, after)
        where = [] if state is None else [("state", "==", str(state))]
        cursor = () if after is None else (self._connection.name("chains", after),)
        return self._reader.found("chains", Query(where, limit=limit, after=cursor), chain_record)

    def list_prompts(self, *, state: PromptState, limit: int = 100) -> list[Prompt]:
        """Up to `limit` prompts in a state."""
        return self._reader.first(("state", "==", str(state)), limit=limit)

    def find_ids(self, prefix: str, limit: int = 10) -> list[str]:
        """Ids of chains, prompts and batches that start with `prefix`, in order."""
        if "/" in prefix:
            return []
        found = []
        for kind in ("chains", "prompts", "batches"):
            name = self._connection.name(kind, prefix)
            where = [(NAME, ">=", name), (NAME, "<", f"{name}\U0010ffff")] if prefix else []
            query = Query(where, fields=[NAME], limit=limit)
            found += [record_id(document) for document in self._connection.find(kind, query)]
        return sorted(found)[:limit]

    def find_key(self, key: str, limit: int = 10) -> list[str]:
        """Ids of chains with exactly this key.

        No index has keys, but a key and a function give the id of their chain. The functions of `SAMPLE`
        chains are tried; since ids are hashes, these are a random sample of all chains.
        """
        sample = self._connection.find("chains", Query(fields=("function",), limit=SAMPLE))
        names = {str(fields_of(each).get("function")).partition("@")[0] for each in sample}
        found = self.chains([chain_id(name, key) for name in sorted(names)])
        return [each.id for each in found.values() if each.key == key][:limit]

    def plan(self, batch: Batch) -> Batch:
        """Record a new batch."""
        return self._batches.plan(batch)

    def claim(self, batch: Batch, *, limit: int, max_bytes: int) -> list[InputRow]:
        """Move ready prompts of the batch's queue from QUEUED to CLAIMED by this batch."""
        return Claim(self._database, batch=batch, limit=limit, room=max_bytes).run()

    def _count_claimed(self, batch_id: str) -> int:
        query = Query([("member", "==", member_key(batch_id, PromptState.CLAIMED))])
        return self._connection.count("prompts", query)

    def input_rows(self, batch_id: str) -> Iterator[InputRow]:
        """Everything that is CLAIMED by the batch, by id."""
        return self._reader.input_rows(("member", "==", member_key(batch_id, PromptState.CLAIMED)))

    def members(self, batch_id: str, *, state: PromptState) -> Iterator[list[Prompt]]:
        """The prompts in `state` that carry this batch id, in pages."""
        return self._reader.pages(("member", "==", member_key(batch_id, state)))

    def save_batch(self, batch: Batch, *, parts: Sequence[Part] = ()) -> Batch:
        """Replace a batch, and record its parts, in one commit."""
        return self._batches.save(batch, parts)

    def batches(self, ids: Collection[str]) -> dict[str, Batch]:
        """The batches with these ids."""
        found = self._reader.by_id("batches", ids, batch_record)
        self._batches.known(found.values())
        return found

    def batch_parts(self, batch_id: str) -> list[Part]:
        """All parts of a batch, in order."""
        return in_order(self._reader.found("parts", Query([("batch_id", "==", batch_id)]), part_record))

    def save_part(self, part: Part) -> Part:
        """Replace a part."""
        return self._batches.save_part(part)

    def settle(self, prompts: Sequence[Prompt]) -> None:
        """Clear the `unsettled` mark of prompts that are still as they were read; they get new versions."""
        unmark(self._connection, prompts)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
