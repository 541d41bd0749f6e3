"""Simulated recovery points: which archives there really are, and the driver that one process holds of them.

Writing one takes its time beside the loop, as in `drivers/snapshots/saver.py`, and so does putting one back in a drill;
half of one ends with its process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.core.reading import SnapshotReading, SnapshotStatus, Trial
from reconciler.core.steps import TakeSnapshot, TryRestore
from reconciler.errors import Conflict

if TYPE_CHECKING:
    from sim_process import Process
    from sim_world import Place


class Saver:
    """A process's driver."""

    def __init__(self, place: Place, process: Process) -> None:
        self._place, self._process = place, process
        self._reading, self._writes, self._given_up = SnapshotReading(), False, False

    def read(self) -> SnapshotReading:
        return self._reading

    def close(self) -> None:
        pass

    def only_for(self, transition: str) -> None:
        self._given_up = self._given_up or (self._writes and self._reading.transition != transition)

    def begin(self, wanted: TakeSnapshot | TryRestore) -> None:
        self._process.may_die("before a recovery point is begun")
        begun, key = _begun(wanted), (wanted.transition, wanted.snapshot)
        if self._writes:
            if self._reading != begun:
                self._given_up = True
                raise Conflict("another one is being given up")
            return
        self._writes, self._given_up = True, False
        self._reading = begun
        weather = self._place.weather
        delay = weather.draw("snapshot").uniform(0.02, 2.0)
        if (isinstance(wanted, TryRestore) or key not in self._place.archives) and weather.strikes("snapshot-slow", 12):
            delay += weather.draw("snapshot-slow").uniform(5.0, 60.0)
        end = self._tried if isinstance(wanted, TryRestore) else self._end
        self._place.timeline.after(delay, lambda: end(wanted) if self._process.alive else None)  # type: ignore[operator]
        self._process.may_die("after a recovery point was begun")

    def _end(self, wanted: TakeSnapshot) -> None:
        key, self._writes = (wanted.transition, wanted.snapshot), False
        there = key in self._place.archives
        fails = self._given_up or (not there and self._place.weather.strikes("snapshot-fails", 15))
        if not fails:
            self._place.archives.add(key)
        status = SnapshotStatus.FAILED if fails else SnapshotStatus.TAKEN
        self._reading = SnapshotReading(status, *key, f"{wanted.transition}.zip", "digest", 1, f"it is {status}")
        self._place.say("snapshot", lambda: f"of {wanted.transition} is {status} ({self._process.name})")

    def _tried(self, wanted: TryRestore) -> None:
        """Only what is really there can be put back."""
        self._writes = False
        there = (wanted.transition, wanted.snapshot) in self._place.archives
        fails = self._given_up or not there or self._place.weather.strikes("snapshot-fails", 15)
        known = (wanted.transition, wanted.snapshot, wanted.name, wanted.digest)
        status = SnapshotStatus.FAILED if fails else SnapshotStatus.TRIED
        self._reading = SnapshotReading(status, *known, 1, f"it is {status}", None if fails else Trial(1, 1, 0.1))
        self._place.say("restore", lambda: f"of {wanted.transition} is {status} ({self._process.name})")


def _begun(wanted: TakeSnapshot | TryRestore) -> SnapshotReading:
    key = (wanted.transition, wanted.snapshot)
    if isinstance(wanted, TryRestore):
        return SnapshotReading(SnapshotStatus.TRYING, *key, wanted.name, wanted.digest)
    return SnapshotReading(SnapshotStatus.RUNNING, *key)
