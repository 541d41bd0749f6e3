"""A work queue keyed by environment: one worker at a time per key, duplicates folded, back-off with jitter."""

from __future__ import annotations

import heapq
import random
import threading

from reconciler.backing_off import BackOff
from reconciler.clock import SYSTEM, Clock

BASE, CEILING = 0.2, 30.0  # seconds of back-off: first, and at most


class WorkQueue:
    """Keys with the time at which they are due. A key that is being worked on is handed out again only when done."""

    def __init__(self, clock: Clock = SYSTEM, jitter: random.Random | None = None) -> None:
        self._clock = clock
        self.back_off = BackOff(BASE, CEILING, jitter).after
        self._condition = threading.Condition()
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._busy: set[str] = set()
        self._failures: dict[str, int] = {}
        self._closed = False

    def wake(self, key: str, after: float = 0.0) -> None:
        """Have `key` worked on in `after` seconds, or earlier if it is due earlier anyway."""
        due = self._clock.monotonic() + after
        with self._condition:
            if due < self._due.get(key, float("inf")):
                self._due[key] = due
                heapq.heappush(self._heap, (due, key))
                self._condition.notify()

    def take(self, *, wait: bool = True) -> str | None:
        """The next key that is due and not being worked on; waits for one, unless `wait` is False. None: the queue was
        closed, or nothing is due."""
        with self._condition:
            while not self._closed:
                found = self._next()
                if isinstance(found, str):
                    self._busy.add(found)
                    return found
                if not wait:
                    return None
                self._condition.wait(found)
            return None

    def _next(self) -> str | float | None:
        """A key, or how long to wait for one."""
        now = self._clock.monotonic()
        waiting: list[tuple[float, str]] = []
        found: str | float | None = None
        while self._heap:
            due, key = self._heap[0]
            if self._due.get(key) != due:  # an older, later wish for the same key
                heapq.heappop(self._heap)
            elif due > now:
                found = due - now
                break
            else:
                heapq.heappop(self._heap)
                if key in self._busy:
                    waiting.append((due, key))
                    continue
                del self._due[key]
                found = key
                break
        for item in waiting:
            heapq.heappush(self._heap, item)
        return found if not (found is None and waiting) else None

    def done(self, key: str, again: float | None = None, *, failed: bool = False) -> None:
        """`key` was worked on. `again`: wake it in so many seconds; `failed`: back off, longer each time."""
        with self._condition:
            self._busy.discard(key)
            self._failures[key] = self._failures.get(key, 0) + 1 if failed else 0
            self._condition.notify_all()
        if failed:
            self.wake(key, self.back_off(self._failures[key]))
        elif again is not None:
            self.wake(key, again)

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify_all()
