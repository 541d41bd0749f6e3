"""The contract of a journal's store. One exam (`tests/journal/journal_exam.py`) holds every store to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from reconciler.core.events import Event
from reconciler.journal.entry import Entry, Row


class Journal(Protocol):
    """Append-only, one hash chain over all environments, safe for many threads and many processes.

    Every call may raise JournalError, which names the place and what to do; then nothing was recorded.
    """

    @property
    def id(self) -> str:
        """Random, made with the journal; empty for one that does not exist (read-only)."""

    @property
    def wake_folder(self) -> Path | None:
        """Where `wake` touches files, for a watcher; None when this store wakes otherwise."""

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
        """Write one entry; it is durable when this returns. An environment's first entry is preceded by `Created`, so
        fold what `since` says rather than what this returns.

        `expected` is the seq of the last entry of this environment that the caller has folded (0: none); another one
        raises JournalMoved. None does not care: an operator's request. A `generation` above 0 raises Fenced when a
        later one was taken."""

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
        """`append` for several events at once: all of them are written, or none. `elapsed` belongs to the first."""

    def take(self, environment: str, actor: str) -> Entry:
        """Take the right to act: GenerationTaken, one above the latest, atomically."""

    def since(self, environment: str, seq: int) -> list[Entry]:
        """This environment's entries after `seq`, oldest first."""

    def last(self, environment: str) -> int:
        """The seq of this environment's last entry, 0 when there is none. Cheap."""

    def head(self) -> int:
        """The seq of the last entry of all, 0 when there is none. Cheap: has anything happened?"""

    def environments(self) -> tuple[str, ...]:
        """Every environment that has an entry, sorted."""

    def entries(self, environment: str | None = None) -> Iterator[Entry]:
        """All entries, oldest first, in bounded memory."""

    def rows(self, environment: str | None = None, after: int = 0) -> Iterator[Row]:
        """The same as they lie there, with what their digests cover; only those after seq `after`."""

    def verify(self) -> int:
        """Recompute the whole chain; how many entries it has. Raises JournalBroken naming the first bad seq."""

    def lock(self, mark: str = "") -> None:
        """Be the one `reconcile run` of this journal until `close` or the end of this process. Raises JournalLocked.
        `mark`: a word that says by what it works."""

    def attended(self) -> bool:
        """Does a loop work on this journal now, here or in another process of this machine?"""

    def mark(self) -> str | None:
        """The mark of the loop that works on this journal now; None: there is no loop."""

    def ask_to_end(self) -> bool:
        """Ask the loop that works on this journal now to end, as its own signal does; False: there is no loop. It looks
        up twice a second; whoever wants to know waits until nobody attends."""

    def asked_to_end(self) -> bool:
        """For that loop: did somebody?"""

    def wake(self, environment: str) -> None:
        """Let a running loop look at `environment` now. A hint: it may be lost, and never fails."""

    def close(self) -> None:
        """Let go of everything. Twice is safe."""
