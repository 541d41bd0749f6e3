"""Notes in a real database, which both slots share: what a migration changes under a running system.

schema 1   notes(id, text)
schema 2   notes(id, text, author): a version that knows only schema 1 still works with it
schema 3   notes(id, body, author): that one does not
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

STEPS = {
    1: "create table notes (id integer primary key, text text not null)",
    2: "alter table notes add column author text not null default ''",
    3: "alter table notes rename column text to body",
}


def opened(data: Path) -> sqlite3.Connection:
    """Transactions are begun and ended by hand; whoever finds it locked waits."""
    return sqlite3.connect(data / "notes.db", timeout=10, isolation_level=None)


def schema(database: sqlite3.Connection) -> int:
    return int(database.execute("pragma user_version").fetchone()[0])


def upgrade(data: Path, wanted: int, *, dry_run: bool = False) -> int:
    """Bring the database to a schema, wholly or not at all; returns the one it had. Raises sqlite3.Error."""
    with closing(opened(data)) as database:
        database.execute("begin immediate")
        had = schema(database)
        for number in range(had + 1, wanted + 1):
            database.execute(STEPS[number])
            database.execute(f"pragma user_version = {number}")
        database.execute("rollback" if dry_run else "commit")
    return had


class Notes:
    """What a version of the API does with them: it knows one schema, and the database may have a later one."""

    def __init__(self, data: Path, known: int) -> None:
        self.data, self.known = data, known
        if known == 1:
            upgrade(data, 1)  # the first version makes its own; all others are migrated to
        with closing(opened(data)) as database:
            self.problem = "" if schema(database) >= known else f"it needs schema {known}, found {schema(database)}"

    def add(self, text: str, author: str) -> None:
        values = {"text": text, "author": author}
        columns = {1: ("text",), 2: ("text", "author")}.get(self.known, ("body", "author"))
        names, marks = ", ".join(columns), ", ".join(f":{'text' if name == 'body' else name}" for name in columns)
        with closing(opened(self.data)) as database:
            database.execute(f"insert into notes ({names}) values ({marks})", values)

    def all(self) -> list[dict[str, Any]]:
        column = "body" if self.known >= 3 else "text"
        with closing(opened(self.data)) as database:
            return [{"text": text} for (text,) in database.execute(f"select {column} from notes order by id")]
