"""The exam of every journal's store: subclass it, and give it a `store` (see there). What fails here is no journal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from reconciler.core.events import Bootstrapped, Created, GenerationTaken, Requested, Verb, Watched
from reconciler.core.model import Release, Slot
from reconciler.errors import Fenced, JournalBroken, JournalError, JournalLocked, JournalMoved
from reconciler.journal.store import Journal

EVENT = Bootstrapped(Release(Slot.BLUE, "1.4.1"))

APPENDER = """
import sys
from reconciler.core.events import Watched
from reconciler.journal.sqlite import open_journal
journal = open_journal(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[3])):
    journal.append(sys.argv[2], Watched(), actor="another process", elapsed=0.5)
journal.close()
"""

HOLDER = """
import sys
from reconciler.journal.sqlite import open_journal
journal = open_journal(sys.argv[1])
journal.lock()
print("held", flush=True)
sys.stdin.readline()
"""


@dataclass
class Store:
    """One store under examination: how to open it (again and again), and how to spoil it behind its back."""

    url: str
    open: Callable[..., Journal]  # the test closes what it opens through this, at its end
    spoil: Callable[[str, tuple[object, ...]], None]  # run one SQL statement with every protection off


def another(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


class JournalExam:
    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    @pytest.fixture
    def journal(self, store: Store) -> Journal:
        return store.open()

    def test_several_events_are_written_together_or_not_at_all(self, journal: Journal) -> None:
        first = journal.append("production", EVENT, actor="anna")
        entries = journal.extend("production", [EVENT, EVENT], actor="anna", elapsed=2.0, expected=first.seq)
        assert [entry.elapsed for entry in entries] == [2.0, 0.0], "watched time is counted once"
        assert journal.since("production", first.seq) == entries
        with pytest.raises(JournalMoved):
            journal.extend("production", [EVENT, EVENT], actor="anna", expected=first.seq)
        assert journal.last("production") == entries[-1].seq
        assert journal.verify() == len(list(journal.entries()))

    def test_what_is_appended_is_read_back_by_another_reader(self, store: Store, journal: Journal) -> None:
        entry = journal.append("production", EVENT, actor="anna", elapsed=1.25, generation=0)
        assert (entry.environment, entry.event, entry.actor, entry.elapsed) == ("production", EVENT, "anna", 1.25)
        assert store.open().since("production", 0)[-1] == entry
        assert store.open(read_only=True).since("production", 0)[-1] == entry

    def test_a_journal_keeps_its_id_and_no_two_have_the_same(self, store: Store, journal: Journal) -> None:
        assert len(journal.id) >= 12
        assert store.open().id == journal.id == store.open(read_only=True).id

    def test_an_environment_begins_with_the_journal_it_was_created_in(self, journal: Journal) -> None:
        journal.append("production", EVENT, actor="anna", expected=0)
        journal.append("production", Watched(), actor="anna")
        journal.take("staging", "anna")
        events = [entry.event for entry in journal.entries()]
        assert events == [Created(journal.id), EVENT, Watched(), Created(journal.id), GenerationTaken(1)]

    def test_environments_share_a_chain_and_see_only_their_own(self, journal: Journal) -> None:
        for name in ("b", "a", "b"):
            journal.append(name, Watched(), actor="anna")
        assert journal.environments() == ("a", "b")
        assert [entry.seq for entry in journal.since("a", 0)] == [3, 4]
        assert [entry.seq for entry in journal.since("b", 2)] == [5]
        assert [entry.seq for entry in journal.entries("b")] == [1, 2, 5]
        assert (journal.last("a"), journal.last("b"), journal.last("c"), journal.head()) == (4, 5, 0, 5)
        chain = list(journal.entries())
        assert [entry.previous for entry in chain[1:]] == [entry.digest for entry in chain[:-1]]
        assert journal.verify() == 5

    def test_an_append_after_an_entry_that_was_not_folded_is_refused(self, store: Store, journal: Journal) -> None:
        seen = journal.append("production", EVENT, actor="loop").seq
        store.open().append("production", Requested(Verb.ABORT), actor="anna")
        with pytest.raises(JournalMoved, match="production"):
            journal.append("production", Watched(), actor="loop", expected=seen)
        assert journal.last("production") == seen + 1
        journal.append("production", Watched(), actor="loop", expected=seen + 1)

    def test_entries_of_other_environments_do_not_move_this_one(self, journal: Journal) -> None:
        seen = journal.append("production", EVENT, actor="loop").seq
        journal.append("staging", EVENT, actor="loop")
        assert journal.append("production", Watched(), actor="loop", expected=seen).seq == journal.head()

    def test_a_later_generation_shuts_the_older_one_out(self, store: Store, journal: Journal) -> None:
        first = journal.take("production", "one").generation
        journal.append("production", Watched(), actor="one", generation=first)
        second = store.open().take("production", "two")
        assert (first, second.generation, second.event) == (1, 2, GenerationTaken(2))
        before = journal.head()
        with pytest.raises(Fenced, match="generation 2"):
            journal.append("production", Watched(), actor="one", generation=first)
        assert journal.head() == before
        journal.append("production", Requested(Verb.PAUSE), actor="anna")
        journal.append("staging", Watched(), actor="one", generation=first)

    def test_generations_taken_at_once_are_all_different(self, store: Store) -> None:
        journals = [store.open() for _ in range(4)]
        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(lambda n: journals[n % 4].take("production", str(n)).generation, range(16)))
        assert sorted(taken) == list(range(1, 17))

    def test_many_threads_keep_one_chain(self, journal: Journal) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: journal.append(f"e{n % 3}", Watched(), actor="thread"), range(60)))
        assert journal.verify() == 63

    def test_two_processes_that_append_at_once_keep_one_chain(self, store: Store, journal: Journal) -> None:
        others = [another(APPENDER, store.url, name, "100") for name in ("production", "staging")]
        for other in others:
            assert other.stdout.readline() == "ready\n"
        for other in others:
            other.stdin.write("go\n")
            other.stdin.flush()
        for _ in range(100):
            journal.append("production", Watched(), actor="this process")
        for other in others:
            other.communicate(timeout=60)
            assert other.returncode == 0
        assert journal.verify() == 302
        assert len(journal.since("production", 0)) == 201

    def test_an_event_that_cannot_be_written_leaves_nothing(self, journal: Journal) -> None:
        for actor, elapsed in (("anna", float("nan")), ("anna", float("inf")), ("\udc80", 0.0)):
            with pytest.raises(JournalError):
                journal.append("production", Watched(), actor=actor, elapsed=elapsed)
        assert journal.head() == 0
        assert journal.append("production", Watched(), actor="anna").seq == 2

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("environment", "other"),
            ("schema", 2),
            ("actor", "eve"),
            ("at", "1999"),
            ("elapsed", 9.0),
            ("generation", 7),
            ("kind", "SoakBegan"),
            ("data", "{} "),
            ("previous", "0" * 64),
            ("digest", "f" * 64),
            ("data", b"{}"),
        ],
    )
    def test_a_changed_column_breaks_the_chain_at_its_entry(
        self, store: Store, journal: Journal, column: str, value: object
    ) -> None:
        for _ in range(4):
            journal.append("production", Watched(), actor="anna")
        store.spoil(f"UPDATE entries SET {column} = ? WHERE seq = 3", (value,))
        with pytest.raises(JournalBroken, match=r"\b3\b"):
            store.open().verify()

    def test_a_missing_entry_is_found_in_the_middle_and_at_the_end(self, store: Store, journal: Journal) -> None:
        for _ in range(5):
            journal.append("production", Watched(), actor="anna")
        store.spoil("DELETE FROM entries WHERE seq = ?", (6,))
        with pytest.raises(JournalBroken, match=r"\b5\b.*missing"):
            journal.verify()
        store.spoil("DELETE FROM entries WHERE seq = ?", (2,))
        with pytest.raises(JournalBroken, match=r"\b2\b.*missing"):
            journal.verify()

    def test_an_unknown_kind_or_schema_is_named_and_never_skipped(self, store: Store, journal: Journal) -> None:
        journal.append("production", Watched(), actor="anna")
        store.spoil("UPDATE entries SET kind = ? WHERE seq = 2", ("Teleported",))
        with pytest.raises(JournalError, match="Teleported"):
            journal.since("production", 0)
        store.spoil("UPDATE entries SET schema = ? WHERE seq = 2", (99,))
        with pytest.raises(JournalError, match="99"):
            list(journal.entries())

    def test_entries_cannot_be_changed_or_deleted_by_the_ordinary_road(self, store: Store, journal: Journal) -> None:
        raise NotImplementedError

    def test_only_one_run_holds_a_journal_and_the_other_hears_who(self, store: Store, journal: Journal) -> None:
        holder = another(HOLDER, store.url)
        try:
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(JournalLocked, match=rf"\b{holder.pid}\b.*stop it"):
                journal.lock()
        finally:
            holder.kill()
            holder.communicate()
        journal.lock()
        journal.lock()
        with pytest.raises(JournalLocked):
            store.open().lock()
        journal.append("production", Watched(), actor="a verb works beside a run")

    def test_a_reader_can_tell_whether_a_loop_works_on_it(self, store: Store, journal: Journal) -> None:
        reader = store.open()
        assert not reader.attended()
        journal.lock()
        assert reader.attended()
        journal.close()
        assert not reader.attended()

    def test_a_reader_learns_what_the_loop_says_of_itself_as_long_as_it_lives(
        self, store: Store, journal: Journal
    ) -> None:
        reader = store.open()
        assert reader.mark() is None
        journal.lock("c0ffee")
        assert reader.mark() == "c0ffee"
        with pytest.raises(JournalLocked, match=r"pid [0-9]+\)"):
            store.open().lock("another")
        journal.close()
        assert reader.mark() is None
        other = store.open()
        other.lock()
        assert reader.mark() == ""

    def test_whoever_has_no_console_asks_the_loop_to_end_and_only_the_one_that_works_now(
        self, store: Store, journal: Journal
    ) -> None:
        somebody = store.open()
        assert not somebody.ask_to_end()
        journal.lock()
        assert not journal.asked_to_end()
        assert somebody.ask_to_end()
        assert somebody.ask_to_end()
        assert journal.asked_to_end()
        assert not somebody.asked_to_end()
        journal.close()
        after = store.open()
        after.lock()
        assert not after.asked_to_end()

    def test_what_a_killed_loop_was_asked_is_not_asked_of_the_next(self, store: Store, journal: Journal) -> None:
        holder = another(HOLDER, store.url)
        try:
            assert holder.stdout.readline() == "held\n"
            assert store.open().ask_to_end()
        finally:
            holder.kill()
            holder.communicate()
        journal.lock()
        assert not journal.asked_to_end()

    def test_a_reader_reads_and_writes_nothing(self, store: Store, journal: Journal) -> None:
        journal.append("production", EVENT, actor="anna")
        reader = store.open(read_only=True)
        for write in (
            lambda: reader.append("production", EVENT, actor="anna"),
            lambda: reader.take("production", "anna"),
            lambda: reader.lock(),
            lambda: reader.ask_to_end(),
        ):
            with pytest.raises(JournalError, match="reading only"):
                write()
        assert reader.head() == 2
        journal.append("production", Watched(), actor="anna")
        assert reader.head() == 3  # a long-lived reader sees what is written meanwhile
        assert reader.verify() == 3

    def test_closing_twice_is_safe_and_a_closed_journal_says_so(self, store: Store) -> None:
        journal = store.open()
        journal.lock()
        journal.close()
        journal.close()
        with pytest.raises(JournalError):
            journal.append("production", EVENT, actor="anna")
        store.open().lock()
