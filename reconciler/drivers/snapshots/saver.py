"""An environment's recovery points, taken and tried beside the loop: a gateway that ends meanwhile comes back, a person
is heard.

Nothing is written down: after a restart the archives themselves say what became of it. It is given up when its
transition is over, and when the reconciler ends: what is half done is thrown away by the next.
"""

from __future__ import annotations

import logging
from threading import Thread
from typing import Protocol

from reconciler.core.model import Snapshot
from reconciler.core.reading import SnapshotReading, SnapshotStatus
from reconciler.drivers.snapshots.tree import Check
from reconciler.drivers.snapshots.watch import Watch
from reconciler.errors import Conflict

log = logging.getLogger("reconciler.snapshot")

UNDER_WAY = (SnapshotStatus.RUNNING, SnapshotStatus.TRYING)
PATIENCE = 5.0  # seconds, for one that was given up to take away what it has written


class Work(Protocol):
    """What can be done with a recovery point: it is taken, or put back beside. `run` raises Refused."""

    @property
    def transition(self) -> str: ...
    @property
    def snapshot(self) -> Snapshot: ...
    @property
    def begun(self) -> SnapshotReading: ...
    @property
    def watch(self) -> Watch: ...
    def run(self, check: Check, /) -> SnapshotReading: ...


class Saver:
    """At most one at a time, for as long as this process keeps the environment."""

    def __init__(self) -> None:
        self._reading = SnapshotReading()
        self._thread: Thread | None = None
        self._watch = Watch()

    def read(self) -> SnapshotReading:
        return self._reading

    def begin(self, work: Work) -> None:
        """Do it, without waiting for that. Already at it: nothing happens. Raises Conflict while another one, which is
        given up now, has not ended yet, or no thread is to be had: then nothing was begun."""
        before, begun = self._reading, work.begun
        if self._thread and self._thread.is_alive():
            if before == begun:
                return
            self._watch.stop()
            raise Conflict(f"a recovery point of transition {before.transition} is being given up")
        self._reading, self._watch = begun, work.watch
        thread = Thread(target=self._run, args=(work, self._watch), name="snapshot", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._reading = before
            raise Conflict(f"a recovery point cannot be begun now: {error}") from error
        self._thread = thread

    def only_for(self, transition: str) -> None:
        """One of any other transition is not wanted any more, and is given up. One that has ended stays as it is."""
        if self._reading.status in UNDER_WAY and self._reading.transition != transition:
            self._watch.stop()

    def close(self) -> None:
        """Give up, and wait a little for it to clean up after itself."""
        self._watch.stop()
        if self._thread and self._thread.is_alive():
            log.warning("a recovery point is being taken, or tried, and is given up; the next one begins anew")
            self._thread.join(PATIENCE)

    def wait(self) -> None:
        """Until nothing is under way."""
        if self._thread:
            self._thread.join()

    def _run(self, work: Work, watch: Watch) -> None:
        try:
            self._reading = work.run(watch.check)
        except Exception as error:  # whatever it is, there is no recovery point, or none that can be put back
            told = str(error) or type(error).__name__
            self._reading = SnapshotReading(SnapshotStatus.FAILED, work.transition, work.snapshot, detail=told)
