"""What one recipient is still to be told: in order, each once, again and again until it is delivered or given up."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from reconciler.alerts import position
from reconciler.alerts.events import Alert, Mark
from reconciler.alerts.position import Position
from reconciler.backing_off import BackOff
from reconciler.clock import Clock
from reconciler.drivers.alerts.recipient import Kind, Recipient
from reconciler.errors import ReconcilerError

log = logging.getLogger("reconciler.alerts")

FIRST, CEILING = 1.0, 600.0  # seconds of back-off: after the first failure, and at most
GIVEN_UP = 24 * 3600.0  # seconds after this process had it to send
PENDING = 1000  # alerts that are kept for somebody who cannot be reached; the oldest go first
FAR = 1000  # entries of no interest, after which the position is written all the same
IDLE = 3600.0  # seconds; whoever offers something wakes it


class Send(Protocol):
    def send(self, title: str, body: str, kind: Kind) -> None:
        """Raises ReconcilerError, without any secret in it, when it was not delivered, or nobody knows."""


class Outbox:
    """`offer` is for the one who reads the news, `step` for the one thread of this recipient."""

    def __init__(
        self, name: str, recipient: Recipient, send: Send, file: Path, clock: Clock, back_off: BackOff | None = None
    ) -> None:
        self.name, self._recipient, self._send, self._file, self._clock = name, recipient, send, file, clock
        self._back_off = back_off or BackOff(FIRST, CEILING)
        self._turn = threading.Lock()
        self._pending: deque[tuple[Alert, float]] = deque()  # and since when
        self._position: Position | None = None  # not begun
        self._written = Mark()  # as the file has it
        self._seen = Mark()  # what was offered so far, wanted or not
        self._passed = False  # something was not wanted, and must not be when `on` changes either
        self._failures, self._due = 0, 0.0

    @property
    def pending(self) -> int:
        """Alerts that are still to be delivered."""
        return len(self._pending)

    @property
    def failing(self) -> bool:
        """The latest attempt did not deliver what was to be sent."""
        return bool(self._position and self._position.failure)

    def begin(self, journal: str, mark: Mark) -> Mark:
        """Go on where the last process stopped; whoever is new here begins at `mark`, and is not told what was before.
        Raises Refused when that cannot be written."""
        found = position.read(self._file, journal)
        if found is None:
            found = Position(journal, mark)
            position.write(self._file, found)
        self._written, self._seen, self._position = found.mark, found.mark, found
        return found.mark

    def offer(self, alerts: Iterable[Alert], upto: Mark) -> bool:
        """Everything up to a mark. True: there is something to send."""
        with self._turn:
            for alert in alerts:
                if alert.mark.seq <= self._seen.seq and alert.mark.stall <= self._seen.stall:
                    continue
                if self._recipient.wants(alert.kind, alert.environment):
                    self._keep(alert)
                else:
                    self._passed = True
            self._seen = self._seen.past(upto)
            return bool(self._pending)

    def _keep(self, alert: Alert) -> None:
        self._pending.append((alert, self._clock.monotonic()))
        if len(self._pending) > PENDING:
            lost, _ = self._pending.popleft()
            log.error("alerts.%s: %d wait already, so this one is dropped: %s", self.name, PENDING, lost.title)

    def step(self) -> float:
        """Send what is due; seconds until there may be more to do. Never raises ReconcilerError."""
        if self._position is None:
            return IDLE
        with self._turn:
            first = self._pending[0] if self._pending else None
        if first is None:
            self._rest(self._position)
            return IDLE
        if self._clock.monotonic() < self._due:
            return self._due - self._clock.monotonic()
        return self._attempt(*first, self._position)

    def _attempt(self, alert: Alert, since: float, before: Position) -> float:
        try:
            self._send.send(alert.title, alert.body, alert.kind)
        except ReconcilerError as error:
            return self._failed(alert, since, replace(before, failure=str(error), failed_at=self._clock.wall()))
        if self._failures:
            log.info("alerts.%s: delivered again", self.name)
        self._failures, self._due = 0, 0.0
        self._done(alert, replace(before, sent=alert.title, sent_at=self._clock.wall(), failure="", failed_at=""))
        return 0.0

    def _failed(self, alert: Alert, since: float, failed: Position) -> float:
        self._failures += 1
        if self._failures == 1:
            log.warning("alerts.%s: %s; tried again until it is delivered: %s", self.name, failed.failure, alert.title)
        now = self._clock.monotonic()
        if now - since >= GIVEN_UP:
            log.error("alerts.%s: %s; given up after a day: %s", self.name, failed.failure, alert.title)
            self._done(alert, failed)
        else:
            self._write(failed)
        self._due = now + self._back_off.after(self._failures)
        return self._due - now

    def _done(self, alert: Alert, now: Position) -> None:
        """A crash before this is written tells it once more: better twice than never."""
        with self._turn:
            if self._pending and self._pending[0][0] is alert:
                self._pending.popleft()
        self._write(replace(now, mark=now.mark.past(alert.mark)))

    def _rest(self, before: Position) -> None:
        """Nothing is pending: what was of no interest is behind us too."""
        with self._turn:
            if self._pending:
                return
            seen, passed, self._passed = self._seen, self._passed, False
        now = replace(before, mark=before.mark.past(seen))
        if passed or seen.seq - self._written.seq >= FAR:
            self._write(now)
        self._position = now

    def _write(self, now: Position) -> None:
        self._position = now
        try:
            position.write(self._file, now)
            self._written = now.mark
        except ReconcilerError as error:
            log.error("alerts.%s: %s; what was told may be told again after a restart", self.name, error)
