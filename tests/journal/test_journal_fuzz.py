"""Any byte of any row: what was changed is found, and named by its entry."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.events import Accepted, Requested, Verb, Watched
from reconciler.core.model import Pair
from reconciler.errors import JournalError
from reconciler.journal.entry import Entry
from reconciler.journal.sqlite import open_journal

COLUMNS = ("seq", "environment", "schema", "actor", "at", "elapsed", "generation", "kind", "data", "previous", "digest")
ROWS = 8


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A journal of some entries, as bytes of its database."""
    path = tmp_path_factory.mktemp("journal") / "journal.db"
    journal = open_journal(f"sqlite:///{path}")
    journal.take("production", "anna")
    for event in (Accepted("d" * 64, "r" * 40, Pair("1", None)), Requested(Verb.PAUSE, reason="lunch"), Watched()) * 2:
        journal.append("production", event, actor="anna@host", elapsed=1.5, generation=1)
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    return path.read_bytes()


@pytest.fixture(scope="module")
def entries(whole: bytes, tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    path = tmp_path_factory.mktemp("entries") / "journal.db"
    path.write_bytes(whole)
    journal = open_journal(f"sqlite:///{path}", read_only=True)
    try:
        return list(journal.entries())
    finally:
        journal.close()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(row=st.integers(1, ROWS), column=st.sampled_from(COLUMNS), place=st.integers(0, 200), by=st.integers(1, 127))
def test_a_changed_byte_in_any_row_is_found(
    whole: bytes, tmp_path: Path, row: int, column: str, place: int, by: int
) -> None:
    path = tmp_path / "spoilt.db"
    path.write_bytes(whole)
    with sqlite3.connect(path) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        (value,) = connection.execute(f"SELECT {column} FROM entries WHERE seq = ?", (row,)).fetchone()
        connection.execute(f"UPDATE entries SET {column} = ? WHERE seq = ?", (spoilt(value, place, by), row))
    connection.close()
    journal = open_journal(f"sqlite:///{path}", read_only=True)
    named = rf": entry {row} (is not what was written|is missing from the journal: the next one is \d+)\b"
    with pytest.raises(JournalError, match=named):
        journal.verify()
    journal.close()


def spoilt(value: object, place: int, by: int) -> object:
    """One letter, or one digit, is another."""
    if isinstance(value, str):
        place %= max(len(value), 1)
        return value[:place] + chr((ord(value[place]) + by) % 128 or 1) + value[place + 1 :] if value else "x"
    assert isinstance(value, int | float)
    return value + by * 100


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(cut=st.integers(0, 40_000), junk=st.binary(min_size=1, max_size=8))
def test_a_damaged_file_is_an_error_and_no_crash(
    whole: bytes, entries: list[Entry], tmp_path: Path, cut: int, junk: bytes
) -> None:
    """Bytes of the file itself: either nothing that counts was hit, and every entry is as it was, or it is told."""
    path = tmp_path / "damaged.db"
    cut %= len(whole)
    path.write_bytes(whole[:cut] + junk + whole[cut + len(junk) :])
    try:
        journal = open_journal(f"sqlite:///{path}", read_only=True)
        try:
            assert journal.verify() == ROWS
            assert list(journal.entries()) == entries
        finally:
            journal.close()
    except JournalError:
        pass
