"""The SQLite journal: the exam, and what files do to it."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from journal_exam import EVENT, JournalExam, Store, another

from reconciler.core.events import Bootstrapped, Watched
from reconciler.errors import InvalidConfiguration, JournalBroken, JournalError
from reconciler.journal.reading import ReadOnlyJournal
from reconciler.journal.sqlite import open_journal
from reconciler.journal.store import Journal

CRASHER = """
import os, sys
from reconciler.core.events import Watched
from reconciler.journal.sqlite import open_journal
journal = open_journal(sys.argv[1])
while True:
    print(journal.append("production", Watched(), actor="doomed").seq, flush=True)
"""


WRITER = """
import sys
from reconciler.core.events import Watched
from reconciler.journal.sqlite import open_journal
journal = open_journal(sys.argv[1])
for _ in sys.stdin:
    print(journal.append("production", Watched(), actor="writer").seq, flush=True)
journal.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened: list[Journal] = []
    url = f"sqlite:///{path}"

    def opening(*, read_only: bool = False) -> Journal:
        opened.append(open_journal(url, read_only=read_only))
        return opened[-1]

    def spoil(statement: str, values: tuple[object, ...]) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            for name in ("entries_stay", "entries_keep"):
                connection.execute(f"DROP TRIGGER IF EXISTS {name}")
            connection.execute(statement, values)

    yield Store(url, opening, spoil)
    for journal in opened:
        journal.close()


def prints(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file's content and time."""
    return {
        str(file.relative_to(folder)): (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


class TestSqlite(JournalExam):
    @pytest.fixture
    def store(self, store: Store) -> Store:
        return store

    def test_entries_cannot_be_changed_or_deleted_by_the_ordinary_road(self, store: Store, path: Path) -> None:
        store.open().append("production", EVENT, actor="anna")
        with closing(sqlite3.connect(path)) as connection:
            for statement in ("DELETE FROM entries", "UPDATE entries SET actor = 'eve'"):
                with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                    connection.execute(statement)
        assert store.open().verify() == 2


def test_a_commit_is_on_the_disk_when_append_returns(path: Path) -> None:
    with closing(open_journal(f"sqlite:///{path}")) as journal:
        asked = [journal._connection.execute(f"PRAGMA {name}") for name in ("journal_mode", "synchronous")]
        assert [answer.fetchone()[0] for answer in asked] == ["wal", 2]


def test_a_preview_of_a_cleanly_closed_journal_leaves_no_trace(store: Store, path: Path) -> None:
    store.open().append("production", EVENT, actor="anna")
    _close_all(store)
    before = prints(path.parent)
    reader = store.open(read_only=True)
    assert [entry.event for entry in reader.since("production", 1)] == [EVENT]
    reader.wake("production")
    reader.close()
    assert prints(path.parent) == before


def _close_all(store: Store) -> None:
    """Every writer that the fixture opened, so that SQLite folds its log into the file."""
    for cell in store.open.__closure__ or ():
        if isinstance(cell.cell_contents, list):
            for journal in cell.cell_contents:
                journal.close()


def test_a_preview_beside_a_living_writer_leaves_no_trace_and_sees_everything(store: Store, path: Path) -> None:
    reader = store.open(read_only=True)
    with another(WRITER, store.url) as writer:
        for _ in range(30):
            writer.stdin.write("go on\n")
            writer.stdin.flush()
            written = int(writer.stdout.readline())
            before = prints(path.parent)
            assert reader.last("production") == written
            assert prints(path.parent) == before
        writer.communicate()


def test_after_a_kill_nothing_is_lost_and_a_preview_leaves_no_trace(store: Store, path: Path) -> None:
    doomed = another(CRASHER, store.url)
    acknowledged = 0
    while acknowledged < 20:
        acknowledged = int(doomed.stdout.readline())
    doomed.send_signal(signal.SIGKILL)
    rest, _ = doomed.communicate()
    acknowledged = int((rest.splitlines() or [str(acknowledged)])[-1] or acknowledged)
    before = prints(path.parent)
    reader = store.open(read_only=True)
    assert reader.verify() >= acknowledged
    assert prints(path.parent) == before
    assert store.open().verify() >= acknowledged


def test_a_preview_without_a_journal_creates_nothing(store: Store, path: Path, tmp_path: Path) -> None:
    reader = store.open(read_only=True)
    assert (reader.id, reader.head(), reader.last("production"), reader.environments()) == ("", 0, 0, ())
    assert (reader.since("production", 0), list(reader.entries()), reader.verify()) == ([], [], 0)
    with pytest.raises(JournalError, match="reading only"):
        reader.append("production", EVENT, actor="anna")
    assert list(tmp_path.iterdir()) == []


def test_a_preview_that_waits_sees_the_journal_appear(store: Store) -> None:
    reader = store.open(read_only=True)
    assert reader.id == ""
    journal = store.open()
    journal.append("production", EVENT, actor="anna")
    assert (reader.id, reader.last("production")) == (journal.id, 2)


@pytest.mark.parametrize("url", ["mysql://u:hunter2@host/db", "journal.db", "sqlite:///", "sqlite://journal.db", ""])
def test_another_scheme_is_refused_without_showing_the_password(url: str) -> None:
    with pytest.raises(InvalidConfiguration, match="sqlite:///") as caught:
        open_journal(url)
    assert "hunter2" not in str(caught.value)


def test_a_path_with_odd_letters_is_a_path(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a b%20?x=1#é/journal.db"
    with closing(open_journal(url)) as journal:
        journal.append("production", EVENT, actor="anna")
    assert open_journal(url, read_only=True).verify() == 2


def test_a_relative_path_is_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_journal("sqlite:///state/journal.db").close()
    assert (tmp_path / "state" / "journal.db").exists()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("content", [b"not a database at all, but a text" * 50, b"\0" * 5000])
def test_a_file_that_is_no_journal_is_refused_and_left_alone(path: Path, content: bytes, read_only: bool) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"journal\.db.*restore a copy|journal\.db.*something else"):
        open_journal(f"sqlite:///{path}", read_only=read_only).head()
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE customers (name)")
    with pytest.raises(JournalError, match="something else"):
        open_journal(f"sqlite:///{path}")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalError, match=r"file/journal\.db.*folder"):
        open_journal(f"sqlite:///{tmp_path}/file/journal.db")
    with pytest.raises(JournalError, match="cannot be opened"):
        open_journal(f"sqlite:///{tmp_path}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_leave_to_write_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(JournalError, match=r"journal\.db.*who may write"):
        open_journal(f"sqlite:///{tmp_path}/journal.db")


def test_a_full_disk_refuses_the_entry_and_the_journal_goes_on_afterwards(store: Store) -> None:
    journal = store.open()
    journal.append("production", EVENT, actor="anna")
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError, match=r"journal\.db.*disk is full.*free some space"):
        for _ in range(200):
            journal.append("production", Bootstrapped(EVENT.stable), actor="anna" * 100)
    whole = journal.verify()
    journal._connection.execute("PRAGMA max_page_count = 100000")
    journal.append("production", Watched(), actor="anna")
    assert journal.verify() == whole + 1


def test_damage_inside_the_file_is_found(store: Store, path: Path) -> None:
    journal = store.open()
    for _ in range(200):
        journal.append("production", Watched(), actor="anna")
    _close_all(store)
    body = bytearray(path.read_bytes())
    where = body.rindex(b"anna")
    body[where] ^= 1
    path.write_bytes(bytes(body))
    with pytest.raises(JournalBroken, match=r"journal\.db"):
        open_journal(store.url, read_only=True).verify()


def test_many_pages_are_read_in_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.journal.reading.PAGE", 3)
    journal = store.open()
    for _ in range(10):
        journal.append("production", Watched(), actor="anna")
    assert [entry.seq for entry in journal.entries()] == list(range(1, 12))
    assert journal.verify() == 11


def test_waking_touches_a_file_of_the_environment_and_never_fails(store: Store, path: Path) -> None:
    journal = store.open()
    journal.wake("production")
    assert journal.wake_folder == path.parent / "wake"
    first = (journal.wake_folder / "production").stat().st_mtime_ns
    os.utime(journal.wake_folder / "production", ns=(0, 0))
    journal.wake("production")
    assert (journal.wake_folder / "production").stat().st_mtime_ns >= first
    for name in ("../escape", "/etc/escape", "a/b", "nul\0"):
        journal.wake(name)
    assert [file.name for file in path.parent.rglob("*escape*")] == []
    (path.parent / "wake" / "production").unlink()
    (path.parent / "wake").rmdir()
    (path.parent / "wake").write_text("in the way")
    journal.wake("production")


@pytest.mark.parametrize("times", [1, 5])
def test_a_writer_that_comes_or_goes_while_a_reader_opens_is_no_error(
    path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Its files appear and vanish between the look at them and the opening: then it is opened another way."""
    with closing(open_journal(f"sqlite:///{path}")) as journal:
        journal.append("production", Watched(), actor="writer")
    opened, left = ReadOnlyJournal._open, iter(range(times))

    def unlucky(self: ReadOnlyJournal) -> sqlite3.Connection:
        if next(left, None) is None:
            return opened(self)
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(ReadOnlyJournal, "_open", unlucky)
    assert open_journal(f"sqlite:///{path}", read_only=True).last("production") == 2


def test_what_can_never_be_opened_is_said_after_a_few_attempts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: ReadOnlyJournal) -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    path.parent.mkdir()
    path.write_bytes(b"x")
    monkeypatch.setattr(ReadOnlyJournal, "_open", never)
    with pytest.raises(JournalError, match="unable to open"):
        open_journal(f"sqlite:///{path}", read_only=True).last("production")
