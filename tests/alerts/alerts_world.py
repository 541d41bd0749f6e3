"""A journal with news in it, a clock that is a value, and somebody who takes messages, or not."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.alerts.bell import Bell
from reconciler.alerts.outbox import CEILING, FIRST
from reconciler.backing_off import BackOff
from reconciler.core.events import Accepted, ApprovalAsked, Began, DriftFound, Ended, Event, Phase, RollbackBegan
from reconciler.core.model import Admission, Pair, Release, SetWeight, Slot, Stage
from reconciler.drivers.alerts.recipient import Kind, Recipient
from reconciler.errors import Refused
from reconciler.journal.sqlite import SqliteJournal

REVISION = "ab" * 20
BLUE, GREEN = Release(Slot.BLUE, "1.4.1"), Release(Slot.GREEN, "1.4.2")
ACCEPTED = Accepted("d" * 64, REVISION, Pair("1.4.1", "1.4.2"), active=Slot.GREEN)
BEGAN = Began("t1", BLUE, GREEN, "d" * 64, REVISION, (SetWeight(50), SetWeight(100)))
ASKED = ApprovalAsked(Stage.SHIFT, "p" * 64, "10 %, 50 %, 100 %; rollback is safe")
SUCCEEDED = (BEGAN, Ended(Phase.SUCCEEDED))
DRIFT = DriftFound(Pair(100, 0), Pair(70, 30), Pair(Admission.OPEN, Admission.OPEN))


def failed(reason: str = "green failed 14 of 1,020", ends: Phase = Phase.ROLLED_BACK) -> tuple[Event, ...]:
    return (BEGAN, RollbackBegan(ends, "AnalysisFailed", reason, True), Ended(ends))


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def wall(self) -> str:
        return f"2026-01-01T00:00:00.000+00:00 after {self.seconds:g}"

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)


class Taker:
    """Takes messages unless `broken` says why not."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, Kind]] = []
        self.broken = ""
        self.tries: list[float] = []
        self.clock: Clock | None = None

    def send(self, title: str, body: str, kind: Kind) -> None:
        if self.clock:
            self.tries.append(self.clock.seconds)
        if self.broken:
            raise Refused(self.broken)
        self.got.append((title, body, kind))

    @property
    def titles(self) -> list[str]:
        return [title for title, _, _ in self.got]


class World:
    """A bell without threads: `ring` is what they would do now."""

    def __init__(self, folder: Path, *names: str, **recipients: Recipient) -> None:
        self.folder, self.clock = folder, Clock()
        self.journal = SqliteJournal(folder / "journal.db", self.clock)
        found = {name: Recipient(url="json://nobody.invalid") for name in names} | recipients
        self.recipients = found
        self.takers = {name: Taker() for name in found}
        for taker in self.takers.values():
            taker.clock = self.clock
        self.restart()

    def restart(self) -> None:
        """As a new process."""
        self.bell = Bell(self.recipients, self.folder / "state", self.journal, self.clock)
        for outbox in self.bell._outboxes:
            outbox._send = self.takers[outbox.name]
            outbox._back_off = BackOff(FIRST, CEILING, random.Random(1))

    def write(self, *events: Event, environment: str = "production", elapsed: float = 1.0) -> None:
        for event in events:
            self.journal.append(environment, event, actor="test", elapsed=elapsed, generation=0)

    def ring(self) -> None:
        self.bell.look()
        for outbox in self.bell._outboxes:
            while outbox.step() == 0.0:
                pass

    def pass_by(self, seconds: float, every: float = 1.0, meanwhile: Callable[[], None] = lambda: None) -> None:
        end = self.clock.seconds + seconds
        while self.clock.seconds < end:
            self.clock.seconds += every
            meanwhile()
            self.ring()
