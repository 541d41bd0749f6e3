"""What one destination is still to be sent: in order, in batches, each again and again until it is taken."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from reconciler.backing_off import BackOff
from reconciler.clock import Clock
from reconciler.drivers.logs.sending import Later, Send, Unfit
from reconciler.errors import ReconcilerError
from reconciler.logs import position
from reconciler.logs.kept import Batch, Kept, Place
from reconciler.logs.position import Part, Position
from reconciler.logs.sifter import BYTES, LINES, Sifter, edge

log = logging.getLogger("reconciler.logs")

FIRST, CEILING = 1.0, 600.0  # seconds of back-off: after the first failure, and at most
GATHERED = 0.5  # seconds between two batches, so that what is said together goes together
LASTING = 3  # failures in a row until it is said: what is said is itself to be sent, and must not keep itself alive
IN_A_ROW = 10  # lines that may be at fault themselves; after so many the newest line is to show whether any is taken
PARTS = 50  # that are set aside at once
PACE = 0.05  # seconds between two requests about what is set aside
IDLE = 3600.0  # seconds; the keeper wakes it for every line


class Shipper:
    """`step` and `flush` are for the one thread of this destination."""

    def __init__(
        self, name: str, send: Send, kept: Kept, file: Path, clock: Clock, back_off: BackOff | None = None
    ) -> None:
        self.name, self._send, self._kept, self._file, self._clock = name, send, kept, file, clock
        self._back_off = back_off or BackOff(FIRST, CEILING)
        self._position: Position | None = None
        self._most = LINES  # fewer while a line is looked for that the other side does not take
        self._failures, self._due = 0, 0.0
        self._sifter = Sifter(kept)
        self._refused = 0  # lines in a row
        self._thrown_away = 0  # lines, in batches in a row
        self._unwritten = False

    def begin(self) -> None:
        """Go on where the last process stopped; whoever is new here is sent what comes next, not what was before."""
        end = self._kept.end()
        found = position.read(self._file, self._kept.oldest()) or Position(end)
        found = found if found.place <= end else replace(found, place=end)
        aside = tuple(part for part in found.aside if part.begin.number < part.end <= found.place.number)
        self._position = self._write(replace(found, aside=aside))

    def step(self) -> float:
        """Send what is due; seconds until there may be more to do. Never raises ReconcilerError."""
        if self._position is None:
            return IDLE
        if (wait := self._due - self._clock.monotonic()) > 0:
            return wait
        try:
            batch = self._kept.read(self._position.place, self._most, BYTES)
        except OSError as error:
            return self._failed(self._position, f"the log cannot be read: {error.strerror}")
        if batch.lost:
            self._position = self._left_out(batch, self._position)
        return self._attempt(batch, self._position) if batch.lines else self._sift(self._position)

    def flush(self) -> float:
        """At the end of the process: what is there is sent now, unless that fails."""
        before = -1
        while self._position and self._position.place.number != before and not self._failures:
            before, self._due = self._position.place.number, 0.0
            self.step()
        return 0.0

    def _left_out(self, batch: Batch, before: Position) -> Position:
        log.error(
            "logs.%s: %d lines could not be sent before they had to go: the log on this disk was full; "
            "raise log_limit in [state], or see why it cannot be reached",
            self.name,
            batch.lost,
        )
        first = Place(batch.after.piece, 0, batch.after.number - len(batch.lines))
        return self._write(replace(before, place=first, lost=before.lost + batch.lost))

    def _attempt(self, batch: Batch, before: Position) -> float:
        try:
            thrown_away = self._send.send(batch.lines)
        except Unfit as error:
            return self._unfit(batch, before, str(error))
        except ReconcilerError as error:
            return self._failed(before, str(error), error.seconds if isinstance(error, Later) else 0.0)
        if self._failures >= LASTING:
            log.info("logs.%s: taken again", self.name)
        self._refusals_over()
        self._count(thrown_away)
        more = len(batch.lines) >= self._most or sum(map(len, batch.lines)) >= BYTES // 2
        self._failures, self._most = 0, min(LINES, self._most * 2)
        taken = replace(before, place=batch.after, sent_at=self._clock.wall(), failure="", failed_at="")
        self._write(replace(taken, refused=before.refused + thrown_away))
        return self._after(0.0 if more else GATHERED)

    def _unfit(self, batch: Batch, before: Position, why: str) -> float:
        """Half of them, and again, until it is known which line is at fault; that one is left out."""
        if len(batch.lines) > 1:
            self._most = len(batch.lines) // 2
            return self._after(0.0)
        if self._refused >= IN_A_ROW:
            return self._set_aside(before, f"{why}, for {self._refused + 1} lines in a row")
        self._refused += 1
        if self._refused == 1:
            log.error("logs.%s: a line is left out, the other side does not take it: %s", self.name, why)
        self._write(replace(before, place=batch.after, refused=before.refused + 1))
        return self._after(0.0)

    def _set_aside(self, before: Position, why: str) -> float:
        """Many in a row. Where the newest line is taken, it is they that are at fault, as those are that are too old:
        they do not hold up the others. Where it is not, the other side takes none, and none is given up for it."""
        try:
            taken = edge(self._kept, self._send, before.place, self._kept.newest())
        except (OSError, ReconcilerError):
            taken = None
        if taken is None:
            return self._failed(before, why)
        if len(before.aside) >= PARTS:  # so ragged that it is gone through here
            self._refused, self._failures = 1, 0
            return self._after(0.0)
        told = "logs.%s: %d lines are set aside, as the other side refuses many of them and takes newer ones: %s"
        log.error(told, self.name, taken.number - before.place.number, why)
        self._refused, self._failures, self._most = 0, 0, LINES
        now = replace(before, place=taken, sent_at=self._clock.wall(), failure="", failed_at="")
        self._write(replace(now, aside=(*before.aside, Part(before.place, taken.number))))
        return self._after(0.0)

    def _sift(self, before: Position) -> float:
        """There is nothing newer to send: a request about what is set aside."""
        if not before.aside:
            return IDLE
        try:
            now = self._sifter.step(before, self._send)
        except (OSError, ReconcilerError) as error:
            return self._failed(before, str(error), error.seconds if isinstance(error, Later) else 0.0)
        if not now.aside:
            told = "logs.%s: what was set aside is gone through; %d lines in all were left out, the others are taken"
            log.error(told, self.name, now.refused)
        self._failures = 0
        self._write(replace(now, failure="", failed_at=""))
        return self._after(PACE)

    def _refusals_over(self) -> None:
        if self._refused > 1:
            log.error("logs.%s: %d lines in a row were left out, none was taken", self.name, self._refused)
        self._refused = 0

    def _count(self, thrown_away: int) -> None:
        """Said at the first batch in a row, and in all after the last one."""
        if thrown_away and not self._thrown_away:
            log.error("logs.%s: the other side has thrown lines away, %d of a batch", self.name, thrown_away)
        elif self._thrown_away and not thrown_away:
            log.error("logs.%s: the other side has thrown %d lines away in all", self.name, self._thrown_away)
        self._thrown_away = self._thrown_away + thrown_away if thrown_away else 0

    def _failed(self, before: Position, why: str, after: float = 0.0) -> float:
        """Said once, when it lasts; and tried later and later."""
        self._failures += 1
        if self._failures == LASTING:
            log.warning("logs.%s: %s; tried again until it is taken", self.name, why)
        self._write(replace(before, failure=why, failed_at=self._clock.wall()))
        return self._after(max(after, self._back_off.after(self._failures)))

    def _after(self, seconds: float) -> float:
        self._due = self._clock.monotonic() + seconds
        return seconds

    def _write(self, now: Position) -> Position:
        """What cannot be written is remembered all the same: then some is sent again after a restart."""
        self._position = now
        try:
            position.write(self._file, now)
            self._unwritten = False
        except ReconcilerError as error:
            if not self._unwritten:
                log.error("logs.%s: %s; what was sent may be sent again after a restart", self.name, error)
            self._unwritten = True
        return now
