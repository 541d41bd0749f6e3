"""The threads that tell people: one that reads the news, one for each recipient. The loop waits for none of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from reconciler.alerts import position
from reconciler.alerts.events import Mark
from reconciler.alerts.news import News
from reconciler.alerts.outbox import Outbox
from reconciler.alerts.stalls import Stalls
from reconciler.clock import SYSTEM, Clock
from reconciler.core.situation import Wait
from reconciler.drivers.alerts.recipient import Recipient
from reconciler.drivers.alerts.send import Sender
from reconciler.errors import ReconcilerError, Refused
from reconciler.journal.store import Journal
from reconciler.repeating import Repeater

log = logging.getLogger("reconciler.alerts")

FOLDER = "alerts"  # in the state's folder
POLL, TROUBLE = 1.0, 30.0  # seconds between two looks at the journal, and after one that failed
GRACE = 2.0  # seconds in which the threads may end; then they are left behind


class Bell:
    """Without recipients it does nothing at all. `journal` is its own to read from: no turn is taken from the loop."""

    def __init__(
        self, recipients: Mapping[str, Recipient], state: Path, journal: Journal, clock: Clock = SYSTEM
    ) -> None:
        self._folder, self._journal = state / FOLDER, journal
        self._stalls, self._news = Stalls(self._folder, clock), News(journal)
        self._outboxes = [
            Outbox(name, found, Sender(found), position.file(self._folder, name), clock)
            for name, found in recipients.items()
        ]
        self._mark: Mark | None = None  # how far the news were read; None: not begun
        self._trouble = ""
        self._reader = Repeater("alerts: news", self.look)
        self._senders = {box.name: Repeater(f"alerts.{box.name}", box.step) for box in self._outboxes}

    def tell(self, environment: str, wait: Wait | None) -> None:
        """What the loop waits for now. Takes no time and never fails."""
        if self._outboxes:
            self._stalls.tell(environment, wait)

    def standings(self) -> Mapping[str, tuple[int, bool]]:
        """By recipient: how many alerts are pending, and whether the latest attempt failed. Takes no time."""
        return {outbox.name: (outbox.pending, outbox.failing) for outbox in self._outboxes}

    def start(self) -> None:
        if not self._outboxes:
            return
        for thread in (self._reader, *self._senders.values()):
            thread.start()

    def stop(self, grace: float = GRACE) -> None:
        """What is pending is sent by the next process. A thread that waits for a silent server is left behind."""
        threads = (self._reader, *self._senders.values())
        for thread in threads:
            thread.ask_to_end()
        if [thread for thread in threads if not thread.ended(grace / len(threads))]:
            log.warning("an alert is still on its way; it may be sent once more after the next start")
        self._journal.close()

    def look(self) -> float:
        """Read what is new, and offer it to everybody; seconds until the next look."""
        try:
            self._look()
        except ReconcilerError as error:
            if str(error) != self._trouble:
                log.error("alerts wait: %s", error)
            self._trouble = str(error)
            return TROUBLE
        self._trouble = ""
        return POLL

    def _look(self) -> None:
        journal, head = self._journal.id, self._journal.head()
        if not journal:
            return  # there is none yet
        if self._mark is None:
            self._mark = self._first(journal, head)
        self._stalls.settle(journal, head)
        upto = Mark(head, self._stalls.number)
        if upto == self._mark:
            return
        found = self._news.after(self._mark, head, list(self._stalls.kept))
        for outbox in self._outboxes:
            outbox.offer(found, upto)
            self._senders[outbox.name].wake()
        self._mark = upto

    def _first(self, journal: str, head: int) -> Mark:
        """Where the recipient who was told least stopped."""
        _made(self._folder)
        self._stalls.load(journal)
        now = Mark(head, self._stalls.number)
        marks = [outbox.begin(journal, now) for outbox in self._outboxes]
        self._stalls.number = max(self._stalls.number, *(mark.stall for mark in marks))  # where its file was lost
        return Mark(min(mark.seq for mark in marks), min(mark.stall for mark in marks))


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"cannot make {folder}: {error.strerror}; check the owner of the folder around it") from error
