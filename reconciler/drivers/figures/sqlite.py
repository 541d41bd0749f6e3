"""One value from an SQLite file, which is opened for reading only."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.figures.query import Query
from reconciler.durations import write
from reconciler.errors import Refused, Unreachable
from reconciler.spelling import shown

LARGEST = 1 << 16  # bytes of one value
OFTEN = 10_000  # of SQLite's own small steps, between two looks at the clock
LATE = ("interrupted", "database is locked", "database table is locked")


def one_value(name: str, query: Query, patience: float, clock: Clock = SYSTEM) -> object:
    """Raises Refused for a file or a query that is wrong, Unreachable when there is no answer in time."""
    assert query.file is not None
    until = clock.monotonic() + patience
    try:
        with closing(sqlite3.connect(f"{query.file.as_uri()}?mode=ro", uri=True, timeout=patience)) as database:
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST)
            database.set_progress_handler(lambda: clock.monotonic() > until, OFTEN)
            database.execute("PRAGMA query_only = ON")
            rows = database.execute(query.sql).fetchmany(2)
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        if str(error) in LATE:
            raise Unreachable(f"query '{name}': no answer within {write(patience)} ({error})") from error
        raise Refused(f"query '{name}', of {query.file}: {shown(str(error))[:300]}") from error
    if len(rows) != 1:
        raise Refused(f"query '{name}' gives {'several rows' if rows else 'no row'}, expected one")
    return rows[0][0]
