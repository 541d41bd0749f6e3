"""Everything that only reads a SQLite journal; the same for a writer and for a preview, which leaves no trace."""

from __future__ import annotations

import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import NoReturn

from reconciler.errors import JournalBroken, JournalError
from reconciler.journal import rows
from reconciler.journal.entry import GENESIS, Entry, Row, check
from reconciler.journal.lock import RunLock

PAGE = 1000  # rows held in memory at once
BUSY = 10.0  # seconds to wait for another process
ATTEMPTS, APART = 20, 0.01  # at opening while a writer comes or goes; seconds between two


class Reading(ABC):
    """The reading half of the contract in `store.py`, over whatever connection `_connected` gives."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._id = ""

    @abstractmethod
    def _connected(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection for one question; what goes wrong inside is raised as JournalError."""

    @property
    def id(self) -> str:
        if not self._id:
            with self._connected() as connection:
                self._id = rows.meta(connection, "id")
        return self._id

    def attended(self) -> bool:
        return RunLock(self.path.with_name(self.path.name + ".lock")).held()

    def mark(self) -> str | None:
        return RunLock(self.path.with_name(self.path.name + ".lock")).mark()

    @property
    def wake_folder(self) -> Path:
        return self.path.parent / "wake"

    def since(self, environment: str, seq: int) -> list[Entry]:
        return [row.entry() for row in self._page(environment, seq, -1)]

    def last(self, environment: str) -> int:
        with self._connected() as connection:
            return rows.last(connection, environment)

    def head(self) -> int:
        with self._connected() as connection:
            return rows.tail(connection)[0]

    def environments(self) -> tuple[str, ...]:
        with self._connected() as connection:
            found = connection.execute("SELECT DISTINCT environment FROM entries ORDER BY environment").fetchall()
        return tuple(name for (name,) in found)

    def entries(self, environment: str | None = None) -> Iterator[Entry]:
        return (row.entry() for row in self.rows(environment))

    def verify(self) -> int:
        seq, previous = 0, GENESIS
        try:
            for row in self.rows():
                check(row, seq + 1, previous)
                seq, previous = row.seq, row.digest
            self._check_end(seq, previous)
        except JournalBroken as broken:
            raise JournalBroken(f"{self.path}: {broken}") from broken
        except JournalError as unread:
            raise JournalBroken(f"{self.path}: cannot be read after entry {seq}: {unread}") from unread
        return seq

    def _check_end(self, seq: int, digest: str) -> None:
        """The last links are there, and the indexes by which entries are found agree with them."""
        with self._connected() as connection:
            head = rows.meta(connection, "head") or GENESIS
            (sound,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            appended = rows.tail(connection)[0] > seq
        if head != digest and not appended:
            raise JournalBroken(f"entry {seq} is not the last one that was written: entries after it are missing")
        if sound != "ok":
            raise JournalBroken(f"the file around entries 1 to {seq} is damaged: {sound}; restore the journal's copy")

    def rows(self, environment: str | None = None, after: int = 0) -> Iterator[Row]:
        seq = after
        while page := self._page(environment, seq, PAGE):
            yield from page
            seq = page[-1].seq

    def _page(self, environment: str | None, seq: int, size: int) -> list[Row]:
        with self._connected() as connection:
            return rows.page(connection, environment, seq, size)


class ReadOnlyJournal(Reading):
    """Looks afresh at every question, because the file may appear, change hands or be checkpointed in between."""

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with rows.translated(self.path):
            connection = self._steady()
            try:
                yield connection
            finally:
                connection.close()

    def _steady(self) -> sqlite3.Connection:
        """Open, and begin to read. A writer that comes or goes in between takes away the files on which the way of
        opening rested; then it is another way the next time."""
        for left in reversed(range(ATTEMPTS)):
            with suppress(sqlite3.OperationalError) if left else nullcontext():
                return self._begun()
            time.sleep(APART)
        raise AssertionError("the last attempt returns or raises")

    def _begun(self) -> sqlite3.Connection:
        connection = self._open()
        try:
            connection.execute("BEGIN")  # what is asked now is answered by one and the same state
            found = rows.is_journal(connection)
        except BaseException:
            connection.close()
            raise
        if found:
            return connection
        connection.close()
        return _empty()

    def _open(self) -> sqlite3.Connection:
        """The way of opening that leaves no trace: `mode=ro` alone would leave `-shm` and `-wal` files behind."""
        if not self.path.exists():
            return _empty()
        ahead, shared = (self.path.with_name(self.path.name + end) for end in ("-wal", "-shm"))
        mode = "mode=ro&readonly_shm=1" if shared.exists() else "mode=ro"
        if not ahead.exists() or not ahead.stat().st_size:
            mode = "immutable=1"  # everything is in the file itself
        uri = f"{self.path.absolute().as_uri()}?{mode}"
        return sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise JournalError(f"{self.path}: this journal was opened for reading only; nothing was recorded")

    append = extend = take = lock = ask_to_end = asked_to_end = _refuse

    def wake(self, environment: str) -> None:
        """Nothing: not even a file's time may change."""

    def close(self) -> None:
        """Nothing is held between two questions."""


def _empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(rows.TABLES)
    return connection
