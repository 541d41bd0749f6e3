"""The journal in one SQLite file: WAL, synchronous FULL, one writer at a time, any number of processes."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event as Signal
from threading import RLock

from reconciler.clock import SYSTEM, Clock
from reconciler.core.events import Created, Event, GenerationTaken
from reconciler.errors import Fenced, InvalidConfiguration, JournalMoved
from reconciler.journal import rows
from reconciler.journal.entry import Entry, Row, seal
from reconciler.journal.lock import RunLock
from reconciler.journal.reading import BUSY, Reading, ReadOnlyJournal
from reconciler.journal.store import Journal

SCHEME = "sqlite:///"


def open_journal(url: str, *, read_only: bool = False, clock: Clock = SYSTEM) -> Journal:
    """`sqlite:///relative/path` or `sqlite:////absolute/path`. Creates it where there is none, unless `read_only`,
    which writes nothing anywhere and reads a missing journal as an empty one with the id "".
    Raises InvalidConfiguration for another scheme, JournalError when it cannot be opened."""
    path = Path(url.removeprefix(SCHEME))
    if not url.startswith(SCHEME) or not path.name:
        scheme = url.partition(":")[0] if ":" in url else url  # the rest may hold a password
        raise InvalidConfiguration(f"journal url: expected {SCHEME}path/to/journal.db, found scheme '{scheme}'")
    return ReadOnlyJournal(path) if read_only else SqliteJournal(path, clock)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)


class SqliteJournal(Reading):
    """One connection, shared by all threads of this process under a lock."""

    def __init__(
        self, path: Path, clock: Clock = SYSTEM, connect: Callable[[Path], sqlite3.Connection] = _connect
    ) -> None:
        super().__init__(path)
        self._clock = clock
        self._turn = RLock()
        self._run = RunLock(path.with_name(path.name + ".lock"))
        with rows.translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):
                self.wake_folder.mkdir(exist_ok=True)  # before anybody watches it; without it, the loop polls
            self._connection = connect(path)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        _write_ahead(self._connection)
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA fullfsync = ON")  # macOS: without it a sync does not reach the disk
        with self._transaction() as connection:
            if not rows.is_journal(connection):
                for statement in rows.TABLES.split(";\n"):
                    connection.execute(statement)
                connection.execute("INSERT INTO meta VALUES ('id', ?)", (secrets.token_hex(8),))

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._turn, rows.translated(self.path):
            yield self._connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def append(
        self,
        environment: str,
        event: Event,
        *,
        actor: str,
        elapsed: float = 0.0,
        generation: int = 0,
        expected: int | None = None,
    ) -> Entry:
        return self.extend(
            environment, [event], actor=actor, elapsed=elapsed, generation=generation, expected=expected
        )[0]

    def extend(
        self,
        environment: str,
        events: Sequence[Event],
        *,
        actor: str,
        elapsed: float = 0.0,
        generation: int = 0,
        expected: int | None = None,
    ) -> list[Entry]:
        with self._transaction() as connection:
            last = rows.last(connection, environment)
            if expected is not None and expected != last:
                raise JournalMoved(f"{environment}: entry {last} came after entry {expected}; fold it and decide again")
            taken = rows.generation(connection, environment)
            if 0 < generation < taken:
                raise Fenced(f"{environment}: generation {taken} has taken over from {generation}; stop acting on it")
            first: list[Event] = [] if last else [Created(self.id)]
            written = self._write(connection, environment, [*first, *events], actor, elapsed, generation)
            return written[len(first) :]

    def take(self, environment: str, actor: str) -> Entry:
        with self._transaction() as connection:
            number = rows.generation(connection, environment) + 1
            first: list[Event] = [] if rows.last(connection, environment) else [Created(self.id)]
            return self._write(connection, environment, [*first, GenerationTaken(number)], actor, 0.0, number)[-1]

    def _write(
        self,
        connection: sqlite3.Connection,
        environment: str,
        events: Sequence[Event],
        actor: str,
        elapsed: float,
        generation: int,
    ) -> list[Entry]:
        """Chain them to the end. The first event of ours carries the time that passed; those beside it took none."""
        seq, previous = rows.tail(connection)
        at, written = self._clock.wall(), list[Row]()
        for event in events:
            passed, elapsed = (0.0, elapsed) if isinstance(event, Created) else (elapsed, 0.0)
            seq += 1
            written.append(
                seal(
                    seq,
                    environment,
                    event,
                    actor=actor,
                    at=at,
                    elapsed=passed,
                    generation=generation,
                    previous=previous,
                )
            )
            previous = written[-1].digest
        rows.insert(connection, written)
        return [Entry(*row[:7], event, row.previous, row.digest) for row, event in zip(written, events, strict=True)]

    def lock(self, mark: str = "") -> None:
        self._run.take(mark)

    def ask_to_end(self) -> bool:
        return self._run.ask_to_end()

    def asked_to_end(self) -> bool:
        return self._run.asked_to_end()

    def wake(self, environment: str) -> None:
        if Path(environment).name != environment:
            return  # a name that is a path wakes nobody
        try:
            self.wake_folder.mkdir(exist_ok=True)
            (self.wake_folder / environment).touch()
        except (OSError, ValueError):
            pass  # a hint only: the loop polls as well

    def close(self) -> None:
        with self._turn:
            self._connection.close()
            self._run.release()


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switching the mode does not wait for its turn as other statements do, so wait for it here."""
    pause = Signal()
    for attempt in range(200):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if attempt == 199 or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            pause.wait(BUSY / 200)
