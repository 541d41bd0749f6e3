"""Whether it is time to stop: because somebody says so, or because it takes too long."""

from __future__ import annotations

from threading import Event

from reconciler.clock import SYSTEM, Clock
from reconciler.durations import write
from reconciler.errors import Refused


class Watch:
    """One piece of work's. `check` is called often; `stop` from any thread."""

    def __init__(self, timeout: float | None = None, clock: Clock = SYSTEM) -> None:
        self._timeout, self._clock = timeout, clock
        self._until = clock.monotonic() + timeout if timeout else None
        self._stopped = Event()

    def stop(self) -> None:
        self._stopped.set()

    def check(self) -> None:
        """Raises Refused when it is over."""
        if self._stopped.is_set():
            raise Refused("it was given up: it is not wanted any more, or the reconciler ends")
        if self._until is not None and self._clock.monotonic() > self._until:
            limit = write(self._timeout or 0.0)
            raise Refused(f"it did not end within {limit}; give [snapshots] a longer `timeout`, or a faster disk")
