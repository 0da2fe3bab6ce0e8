"""One SQLite file, opened safely: transactions, durability, schema, and SQLite's errors as exceptions.

Crash story. The file is in WAL mode. A killed process loses nothing that was committed, since the
write-ahead log lies in the system's page cache; a transaction it was in is gone as a whole. A power
cut may take the last commits that were not `durable`, always a whole tail of them: the log is read
up to the first frame that did not reach the disk, so what is left is a state that once was. Every
durable commit also brings all earlier ones to the disk.

Longer than 300 lines: opening, transactions and errors share one lock and one file.
"""

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from gemchain.errors import (
    NewerSchemaError,
    StoreError,
    StoreFullError,
    StoreRefusedError,
    StoreUnavailableError,
)
from gemchain.stores.sqlite.upgrades import OLDEST, upgrades

__all__ = ["MEMORY", "SCHEMA_VERSION", "Connection"]

MEMORY = ":memory:"
SCHEMA_VERSION = 5

_APPLICATION = 0x67656D63
"""`gemc`: marks the file as gemchain's. https://www.sqlite.org/pragma.html#pragma_application_id"""

# Measured with benchmarks/store.py: pages of 8 KiB take 10 % off a commit of small rows against 4 KiB;
# a log of 128 MiB spares pages that are written again and again most of their way into the file.
_PAGE_BYTES = 8192
_CHECKPOINT_PAGES = 16_000
_FEWEST_CHECKPOINT_PAGES = 1_000
_LOG_SHARE = 4
"""The log may take one part in so many of a disk's free room: a disk that only the log has filled stays full,
since writing the log back takes room in the file. https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files"""

_CACHE_KIB = 96 * 1024
_STATEMENTS = 256


class Connection:
    """A connection that threads may share; each process opens its own.

    Args:
        path: The file, or `:memory:`. Its folder is made when missing.
        timeout: Seconds to wait for another process's transaction.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._durable = False
        with self._translated():
            self._db = _open(path, timeout)
            try:
                _tune(self._db, timeout, _checkpoint_pages(path))
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Let go of the file. Calling it again does nothing."""
        with self._lock, self._translated():
            self._db.close()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock, self._translated():
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a query; None when there is none."""
        with self._lock, self._translated():
            found: tuple[Any, ...] | None = self._db.execute(sql, values).fetchone()
            return found

    def rows_within(
        self, sql: str, values: Sequence[Any], *, column: int, limit: int, at_least: int = 1
    ) -> tuple[list[tuple[Any, ...]], bool]:
        """The first rows of a query whose numbers in `column` add up to no more than `limit`.

        The first `at_least` rows come whatever their number. Rows behind the limit are not read.

        Returns:
            The rows, and whether these are all.
        """
        total = 0
        found: list[tuple[Any, ...]] = []
        with self._lock, self._translated(), closing(self._db.execute(sql, values)) as cursor:
            for row in cursor:
                total += row[column]
                if total > limit and len(found) >= at_least:
                    return found, False
                found.append(row)
        return found, True

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement inside a transaction; the number of rows it changed."""
        return self._db.execute(sql, values).rowcount

    def execute_all(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run one statement for each row inside a transaction; the number of rows changed in all."""
        return self._db.executemany(sql, rows).rowcount

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """Everything inside happens, or nothing. Other writers wait from the start.

        Args:
            durable: Whether it must survive a power cut once it has returned.

        Raises:
            StoreError: The backend failed. Nothing happened, unless the very commit failed.
        """
        with self._lock, self._translated():
            self._be_durable(durable=durable)
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All queries inside see the same moment."""
        with self._lock, self._translated():
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._roll_back()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part of a transaction that is undone alone when it raises."""
        self._db.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            # A full disk has rolled everything back by itself, the savepoint included.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK TO attempt")
                self._db.execute("RELEASE attempt")
            raise
        self._db.execute("RELEASE attempt")

    def rewrite(self) -> None:
        """Write the file anew without its free pages, and empty the log.

        Raises:
            StoreUnavailableError: Others are writing; nothing happened.
            StoreFullError: The disk has no room for a second copy; nothing happened.
        """
        with self._lock, self._translated():
            # The copy is as large as what is left: it belongs on the disk.
            self._db.execute("PRAGMA temp_store = FILE")
            try:
                self._db.execute("VACUUM")
            finally:
                self._db.execute("PRAGMA temp_store = MEMORY")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _be_durable(self, *, durable: bool) -> None:
        if durable is not self._durable:
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _prepare(self) -> None:
        """Create the tables in a new file, and add what an older one lacks; refuse any other file.

        Crash story: one transaction, so a file has either schema whole. See `upgrades.py` for what an older
        gemchain does that has the file open.
        """
        if self._schema_version() == SCHEMA_VERSION:
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have done it since.
            version = self._schema_version()
            for statement in _statements() if version == 0 else upgrades(version, SCHEMA_VERSION):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._db.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _schema_version(self) -> int:
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != _APPLICATION and (application or version or tables):
            raise StoreError(f"{self.path!r} is the database of another program; choose another state folder")
        if version > SCHEMA_VERSION:
            raise NewerSchemaError(
                f"{self.path!r} has schema {version}, and this gemchain knows up to {SCHEMA_VERSION}: "
                "upgrade gemchain, or choose another state folder"
            )
        if 0 < version < OLDEST:
            raise StoreError(
                f"{self.path!r} has schema {version}, from before the first release, and this gemchain needs "
                f"{SCHEMA_VERSION}: finish with the gemchain that wrote it, or choose another state folder"
            )
        return int(version)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeEncodeError, OverflowError) as error:
            raise _translation(self.path, error) from error


def _open(path: str, timeout: float) -> sqlite3.Connection:
    if path != MEMORY:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    return sqlite3.connect(
        path, timeout=timeout, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS
    )


def _checkpoint_pages(path: str) -> int:
    """How long the log grows: less on a small or full disk."""
    if path == MEMORY:
        return _CHECKPOINT_PAGES
    room = shutil.disk_usage(Path(path).parent).free // _LOG_SHARE // _PAGE_BYTES
    return max(_FEWEST_CHECKPOINT_PAGES, min(_CHECKPOINT_PAGES, room))


def _tune(db: sqlite3.Connection, timeout: float, checkpoint_pages: int) -> None:
    # Heeded by a new file only.
    db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    _enter_wal(db, timeout)
    db.execute("PRAGMA synchronous = NORMAL")
    # Heeded on macOS only, where an ordinary sync leaves the data in the disk's own cache.
    db.execute("PRAGMA fullfsync = ON")
    db.execute("PRAGMA checkpoint_fullfsync = ON")
    db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    db.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}")
    db.execute("PRAGMA temp_store = MEMORY")


def _enter_wal(db: sqlite3.Connection, timeout: float) -> None:
    """Switch to WAL, which stays with the file.

    Two processes that open a new file together can both be refused at once: SQLite does not wait
    where waiting could deadlock. https://www.sqlite.org/c3ref/busy_handler.html
    """
    until = time.monotonic() + timeout
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _statements() -> list[str]:
    """The statements of the schema; comments hold no semicolon outside of them that matters."""
    text = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
    bare = "\n".join(line.partition("--")[0] for line in text.splitlines())
    return [statement for statement in bare.split(";") if statement.strip()]


_MEANINGS: Mapping[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (StoreUnavailableError, "is locked by another process; try again"),
    sqlite3.SQLITE_LOCKED: (StoreUnavailableError, "is locked by another process; try again"),
    sqlite3.SQLITE_PROTOCOL: (StoreUnavailableError, "is locked by another process; try again"),
    sqlite3.SQLITE_FULL: (StoreFullError, "has no room left on its disk; free some and try again"),
    sqlite3.SQLITE_TOOBIG: (StoreFullError, "takes no record of this size"),
    sqlite3.SQLITE_CANTOPEN: (StoreRefusedError, "cannot be opened; check that its folder can be written"),
    sqlite3.SQLITE_READONLY: (StoreRefusedError, "cannot be written; check its permissions and its folder's"),
    sqlite3.SQLITE_PERM: (StoreRefusedError, "cannot be opened; check its permissions"),
    sqlite3.SQLITE_NOTADB: (StoreError, "is no database; choose another state folder"),
    sqlite3.SQLITE_CORRUPT: (
        StoreError,
        "is damaged; restore it from a backup or choose another state folder",
    ),
}


def _translation(path: str, error: Exception) -> StoreError:
    """The same failure as one of gemchain's exceptions; its text says what to do."""
    if isinstance(error, OSError):
        return StoreRefusedError(f"the folder of {path!r} cannot be used ({error})")
    # The low byte is the kind, the others tell details. https://www.sqlite.org/rescode.html
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    kind, meaning = _MEANINGS.get(code, (StoreError, "failed"))
    return kind(f"{path!r} {meaning} ({error})")
