"""The disk under the real SQLite journal: full, failing, busy, or torn in the middle of a write when the power goes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from sim_faults import Weather

from reconciler.journal import rows


class CrashNow(BaseException):
    """The process is gone, here and now. Not an Exception: nothing may catch it and go on."""


class PowerCut(CrashNow):
    """The machine is gone, and every process on it."""


class Disk:
    """One journal's database. In memory, shared by all connections; or in files, where writes can be torn."""

    def __init__(self, weather: Weather, folder: Path, *, files: bool) -> None:
        self.weather, self.folder, self.files = weather, folder, files
        self.full = False
        self.acknowledged = (0, rows.GENESIS)
        self.broken: list[str] = []
        self.cuts = 0
        self._memory: sqlite3.Connection | None = None if files else _open(":memory:")
        self._cables: list[Cable] = []
        self._witness: sqlite3.Connection | None = None

    @property
    def path(self) -> Path:
        """After a power cut the files that are left have another name: dead processes hold the old ones."""
        return self.folder / f"journal-{self.cuts}.db"

    def connect(self, _: Path) -> Cable:
        cable = Cable(self, self._memory or _open(self.path))
        self._cables.append(cable)
        return cable

    @property
    def witness(self) -> sqlite3.Connection:
        """A look that no fault disturbs."""
        if self._memory is not None:
            return self._memory
        if self._witness is None:
            self._witness = _open(self.path)
        return self._witness

    @property
    def written(self) -> bool:
        """Is there a journal yet?"""
        return bool(self.acknowledged[0]) or rows.is_journal(self.witness)

    def acknowledge(self, connection: sqlite3.Connection) -> None:
        self.acknowledged = rows.tail(connection)

    def check(self) -> None:
        """Whatever was acknowledged is there."""
        seq, digest = self.acknowledged
        found = (
            self.witness.execute("SELECT digest FROM entries WHERE seq = ?", (seq,)).fetchone() if seq else (digest,)
        )
        if found != (digest,):
            self.broken.append(f"law 8: entry {seq} was acknowledged, and is not there any more")

    def tear(self, before: dict[str, bytes], draw: Random) -> None:
        """The power goes while a commit is on its way: some of what it changed is on the disk, the rest is not."""
        wal = self.path.with_name(self.path.name + "-wal")
        torn = _torn(before.get("-wal", b""), wal.read_bytes(), draw)
        self._let_go()
        self._remove()
        self.cuts += 1
        self.path.write_bytes(before[""])
        self.path.with_name(self.path.name + "-wal").write_bytes(torn)

    def content(self) -> dict[str, bytes]:
        named = {end: self.path.with_name(self.path.name + end) for end in ("", "-wal")}
        return {end: path.read_bytes() for end, path in named.items() if path.exists()}

    def close(self) -> None:
        self._let_go()
        if self._memory is not None:
            self._memory.close()
        self._remove()

    def _remove(self) -> None:
        for path in self.folder.glob("journal-*"):
            path.unlink()

    def _let_go(self) -> None:
        for cable in self._cables:
            cable.close()
        self._cables.clear()
        if self._witness is not None:
            self._witness.close()
            self._witness = None


class Cable:
    """One process's connection, as `SqliteJournal` uses it."""

    def __init__(self, disk: Disk, connection: sqlite3.Connection) -> None:
        self._disk, self._connection, self._weather = disk, connection, disk.weather
        self._before: dict[str, bytes] = {}
        self.cut = False

    @property
    def in_transaction(self) -> bool:
        return not self.cut and self._connection.in_transaction

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        if sql == "COMMIT":
            return self._commit()
        if sql == "BEGIN IMMEDIATE":
            if self._weather.strikes("disk-busy"):
                raise _error("SQLITE_BUSY", "database is locked")
            self._before = self._disk.content() if self._disk.files and self._weather.may("torn-write", 3) else {}
        elif sql.startswith("SELECT") and not self.in_transaction and self._weather.strikes("disk-read-error", 0.1):
            raise _error("SQLITE_IOERR_READ", "disk I/O error")
        return self._connection.execute(sql, values)

    def executemany(self, sql: str, values: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        if self._disk.full:
            self._weather.strike("disk-full")
            raise _error("SQLITE_FULL", "database or disk is full")
        return self._connection.executemany(sql, values)

    def _commit(self) -> sqlite3.Cursor:
        """An error here leaves open whether it is on the disk: the caller must look."""
        weather = self._weather
        if self._before and self._connection.total_changes:
            self._tear()
        if weather.strikes("crash-at-commit", 0.3):
            if weather.draw("crash-at-commit").random() < 0.5:
                self._connection.execute("COMMIT")
            raise CrashNow("at a commit of the journal")
        if weather.strikes("disk-ioerr-lost"):
            raise _error("SQLITE_IOERR_FSYNC", "disk I/O error")
        done = self._connection.execute("COMMIT")
        if weather.strikes("disk-ioerr-applied"):
            raise _error("SQLITE_IOERR_FSYNC", "disk I/O error")
        self._disk.acknowledge(self._connection)
        return done

    def _tear(self) -> None:
        self._weather.strike("torn-write")
        self._connection.execute("COMMIT")
        self._disk.tear(self._before, self._weather.draw("torn-write"))
        raise PowerCut("in the middle of a write")

    def close(self) -> None:
        if self.cut:
            return
        self.cut = True
        if self._disk.files:
            self._connection.close()
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _open(path: Path | str) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)


def _error(name: str, text: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname = name
    error.sqlite_errorcode = getattr(sqlite3, name, 0)
    return error


def _torn(before: bytes, after: bytes, draw: Random) -> bytes:
    """`after` as it is on a disk that wrote only a part of it, over what was there `before`."""
    old = before.ljust(len(after), b"\0")
    begin = next((i for i in range(0, len(after), 512) if after[i : i + 512] != old[i : i + 512]), 0)
    if draw.random() < 0.6:  # cut at any byte; the file itself may be shorter, or filled with nothing
        cut = draw.randrange(begin, len(after) + 1)
        return after[:cut] + old[cut:] if draw.random() < 0.5 else after[:cut] + before[cut:]
    sectors = [
        after[i : i + 512] if i < begin or draw.random() < 0.5 else old[i : i + 512] for i in range(0, len(after), 512)
    ]
    return b"".join(sectors)
