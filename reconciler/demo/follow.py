"""Reading the journal while somebody else writes it: what the demo shows, and waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from reconciler.clock import SYSTEM
from reconciler.core.events import Event
from reconciler.errors import ReconcilerError
from reconciler.journal.entry import Entry
from reconciler.journal.sqlite import open_journal

LOOK = 0.02  # seconds


class Follower:
    """New entries of one environment, as they come. `check` raises when there is no point in waiting any longer."""

    def __init__(self, journal: Path, environment: str, check: Callable[[], None]) -> None:
        self._path, self._environment, self._check = journal, environment, check
        self._seq = 0

    def until(self, wanted: Callable[[Event], bool], timeout: float, show: Callable[[Entry], None]) -> Entry:
        """Show every entry up to the first that is wanted; that one is returned. Raises ReconcilerError out of time."""
        deadline = SYSTEM.monotonic() + timeout
        while SYSTEM.monotonic() < deadline:
            for entry in self._new():
                self._seq = entry.seq
                show(entry)
                if wanted(entry.event):
                    return entry
            self._check()
            threading.Event().wait(LOOK)
        raise ReconcilerError(f"the demo waited {timeout:g} s for something that did not come; see run.log")

    def _new(self) -> Iterator[Entry]:
        if not self._path.exists():
            return
        journal = open_journal(f"sqlite:///{self._path}", read_only=True)
        try:
            yield from journal.since(self._environment, self._seq)
        finally:
            journal.close()
