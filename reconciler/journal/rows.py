"""What is in a SQLite journal, how it is asked, and how its complaints read. No policy: queries only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import JournalError
from reconciler.journal.entry import GENESIS, Row

COLUMNS = ", ".join(Row._fields)
PLACES = ", ".join("?" for _ in Row._fields)

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY, environment TEXT NOT NULL, schema INTEGER NOT NULL, actor TEXT NOT NULL, at TEXT NOT NULL,
    elapsed REAL NOT NULL, generation INTEGER NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL,
    previous TEXT NOT NULL, digest TEXT NOT NULL
);
CREATE INDEX entries_of ON entries (environment, seq);
CREATE INDEX generations_of ON entries (environment, generation) WHERE kind = 'GenerationTaken';
CREATE TRIGGER entries_stay BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER entries_keep BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""

ADVICE = {
    "SQLITE_FULL": "the disk is full: free some space; nothing was recorded",
    "SQLITE_BUSY": "another process has kept it locked for too long: find out which one",
    "SQLITE_NOTADB": "this is no journal, or it is damaged: restore a copy, or name another file in [journal] url",
    "SQLITE_CORRUPT": "it is damaged: restore a copy; `reconcile history --verify` says how far it can be trusted",
    "SQLITE_CANTOPEN": "it cannot be opened: check that its folder exists and who may write there",
    "SQLITE_READONLY": "it may not be written: check who may write to the file and its folder",
    "SQLITE_PERM": "it may not be written: check who may write to the file and its folder",
    "SQLITE_IOERR": "the disk does not read or write it: check the disk",
}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """The one seam for what SQLite and the file system say. Raises JournalError with the path and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        advice = next((text for start, text in ADVICE.items() if name.startswith(start)), "nothing was recorded")
        raise JournalError(f"{path}: {error}; {advice}") from error
    except OSError as error:
        raise JournalError(
            f"{path}: {error.strerror}; check that its folder can be made and who may write there"
        ) from error
    except UnicodeError as error:
        raise JournalError(f"{path}: a name that is no valid text cannot be recorded: {error}") from error


def is_journal(connection: sqlite3.Connection) -> bool:
    """False for an empty database. Raises JournalError-to-be (sqlite3.DatabaseError) for a file that is none."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if names and not {"meta", "entries"} <= names:
        raise sqlite3.DatabaseError("the file is a database of something else")
    return bool(names)


def meta(connection: sqlite3.Connection, key: str) -> str:
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(found[0]) if found else ""


def tail(connection: sqlite3.Connection) -> tuple[int, str]:
    """(seq, digest) of the last entry of all."""
    found = connection.execute("SELECT seq, digest FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    return (found[0], found[1]) if found else (0, GENESIS)


def last(connection: sqlite3.Connection, environment: str) -> int:
    found = connection.execute("SELECT max(seq) FROM entries WHERE environment = ?", (environment,)).fetchone()
    return found[0] or 0


def generation(connection: sqlite3.Connection, environment: str) -> int:
    """The latest that was taken; 0 for none."""
    query = "SELECT max(generation) FROM entries WHERE environment = ? AND kind = 'GenerationTaken'"
    return connection.execute(query, (environment,)).fetchone()[0] or 0


def page(connection: sqlite3.Connection, environment: str | None, seq: int, size: int) -> list[Row]:
    """At most `size` rows after `seq` (-1: all of them), of one environment or of all."""
    where = "" if environment is None else "environment = :environment AND "
    query = f"SELECT {COLUMNS} FROM entries WHERE {where}seq > :seq ORDER BY seq LIMIT :size"
    found = connection.execute(query, {"environment": environment, "seq": seq, "size": size})
    return [Row(*columns) for columns in found]


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Add rows, and note the chain's end: a chain cannot tell by itself that its last links are gone."""
    connection.executemany(f"INSERT INTO entries ({COLUMNS}) VALUES ({PLACES})", rows)
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('head', ?)", (rows[-1].digest,))
