"""The raw files of one pack, open for writing."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from reconciler.core.reading import GateReading
from reconciler.evidence.pack import by_hand, gateway, plan, readings, requests
from reconciler.evidence.pack.place import GATEWAY, PLAN, READINGS, REQUESTS, SCRIPTS, STREAMS, Pack
from reconciler.evidence.pack.plan import Look
from reconciler.evidence.pack.requests import Name, Told
from reconciler.evidence.pack.stream import Stream

OFTEN = 1.0  # seconds between two records of what only counts on
MOST = 500_000  # records that wait while the disk takes none


class Writer:
    """For one thread. `began`: seconds since 1970 at which the monotonic clock was 0; `now`: seconds on that clock."""

    def __init__(self, pack: Pack, began: float, now: float) -> None:
        self.pack, self.began = pack, began
        self.pending: set[Name] = set()  # requests that were sent, and are not over
        self._over = False
        self._dropped = dict.fromkeys(STREAMS, 0)  # records that were left out, to be said at the next flush
        self._plans = plan.read(pack.file(PLAN))
        self._unwritten = False  # a plan that found no room
        self._scripts: Mapping[str, bytes] | None = None  # made, and not all of them written
        self._knows_way_back = all(pack.file(name).is_file() for name in SCRIPTS)
        self._requests = Stream(pack.file(REQUESTS))
        self._gateway = Stream(pack.file(GATEWAY))
        self._readings = Stream(pack.file(READINGS))
        self._streams = {REQUESTS: self._requests, GATEWAY: self._gateway, READINGS: self._readings}
        self._seen: tuple[Any, float] | None = None  # of the gateway: what was written last, and when
        self._passed: Look | None = None  # the latest one, if it is not on record
        self._answers: dict[str, tuple[GateReading, float]] = {}  # likewise of each gate
        self._requests.write({"life": secrets.token_hex(4), "at": round(began + now, 3)})

    def knows(self, look: Look) -> bool:
        """Is what is in force the plan that was made last?"""
        transition = look.after.transition
        return bool(self._plans) and transition is not None and self._plans[-1]["digest"] == transition.digest

    def plan(self, made: dict[str, Any]) -> None:
        """Raises OSError; then it is written at the first flush that finds room."""
        self._plans.append(made)
        self._unwritten = True
        self._write_plans()

    def _write_plans(self) -> None:
        if self._unwritten:
            plan.write(self.pack.file(PLAN), self.pack.environment, self.pack.transition, self._plans)
            self._unwritten = False

    def sent(self, name: Name) -> None:
        self.pending.add(name)

    def over(self, told: Told) -> bool:
        """Was it sent in this transition?"""
        if told.name not in self.pending:
            return False
        self.pending.discard(told.name)
        self._requests.write(requests.record(told, self.began))
        return True

    def look(self, look: Look, now: float) -> None:
        """`now`: seconds, monotonic."""
        self._look_at_gateway(look)
        for reading in look.observed.gates:
            before = self._answers.get(reading.name)
            if before is None or _is_news(before[0], reading, now - before[1]):
                self._answers[reading.name] = reading, now
                self._readings.write(readings.record(reading, self.began + now))

    def after(self, look: Look) -> None:
        """When it has ended: its gates have nothing more to say, and the gateway may count what it has left behind."""
        self._look_at_gateway(look)

    def _look_at_gateway(self, look: Look) -> None:
        """At the time at which it was read: what was done after that may have taken long, and nobody looked. The last
        look before such a pause is on record too, or the pause would seem longer than it was."""
        found, now, passed = look.observed.gateway, look.read, self._passed
        if passed and now - passed.read >= OFTEN:
            self._record(passed)
        shown = (found.up, found.weights, found.admission, found.fallback, found.incarnation) if found else None
        self._passed = look
        if self._seen is None or shown != self._seen[0] or now - self._seen[1] >= OFTEN:
            self._seen, self._passed = (shown, now), None
            self._record(look)

    def _record(self, look: Look) -> None:
        self._gateway.write(gateway.record(look.observed.gateway, look.observed.detail, self.began + look.read))

    def scripts(self, look: Look) -> None:
        """Once, as it begins; by whoever finds one missing. Raises OSError; then they are written at the first flush
        that finds room."""
        if look.by_hand and not self._knows_way_back:
            self._scripts, self._knows_way_back = look.by_hand(), True
            self._write_scripts()

    def _write_scripts(self) -> None:
        if self._scripts is not None:
            by_hand.keep(self.pack, self._scripts)
            self._scripts = None

    def drop(self, count: int) -> None:
        """So many requests were left out before they came here."""
        self._dropped[REQUESTS] += count

    def flush(self) -> None:
        """Raises OSError; then what could not be written waits for the next time, as far as there is room."""
        failed: OSError | None = None
        for name, stream in self._streams.items():
            try:
                stream.flush()
            except OSError as error:
                self._dropped[name] += stream.drop() if stream.waiting > MOST else 0
                failed = failed or error  # the others may find room
        if failed:
            raise failed
        self._tell_dropped()
        self._write_scripts()
        self._write_plans()

    def _tell_dropped(self) -> None:
        """What could not be written is counted until that could be."""
        for name, count in [one for one in self._dropped.items() if one[1]]:
            self._requests.write({"dropped": count, "of": name})
            try:
                self._requests.flush()
            except OSError:
                self._requests.drop()
                raise
            self._dropped[name] = 0

    def close(self, over: float | None = None) -> None:
        """`over`: seconds, monotonic, at which everything of the transition was recorded. None: it goes on. Raises
        OSError."""
        for name in sorted(self.pending):
            self._requests.write(requests.unheard(name))
        self.pending.clear()
        if over is not None and not self._over:
            self._over = True
            self._requests.write({"over": True, "at": round(self.began + over, 3)})
        self.flush()
        for stream in self._streams.values():
            stream.close()


def _is_news(before: GateReading, now: GateReading, age: float) -> bool:
    if (before.outcome, before.window, before.alert) != (now.outcome, now.window, now.alert):
        return True
    return (before.value, before.samples) != (now.value, now.samples) and age >= OFTEN
