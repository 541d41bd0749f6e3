"""Where everything that is said arrives: for stderr, and for the log on this disk. Nobody who says something waits."""

from __future__ import annotations

import logging
import queue
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueListener

from reconciler.logs.hidden import Hidden
from reconciler.logs.line import Json, Marks, Text, heartbeat

WAITING = 100_000  # records that wait for a disk that does not answer; what comes after them is only counted


class Said:
    """Records on their way to the disk. A queue in which putting takes no lock that its taker could hold."""

    def __init__(self) -> None:
        self._records: queue.SimpleQueue[logging.LogRecord | None] = queue.SimpleQueue()
        self.missed = 0

    def put(self, record: logging.LogRecord) -> None:
        if self._records.qsize() >= WAITING:
            self.missed += 1
        else:
            self._records.put(record)

    def rouse(self) -> None:
        """Whoever waits in `take` looks up."""
        self._records.put(None)

    def take(self, patience: float, most: int) -> list[logging.LogRecord]:
        """What is there, oldest first; waits for the first one."""
        found: list[logging.LogRecord] = []
        try:
            one = self._records.get(timeout=patience)
            while True:
                found += [one] if one else []
                if len(found) >= most:
                    break
                one = self._records.get_nowait()
        except queue.Empty:
            pass
        return found


class Desk(logging.Handler):
    """Hands records on as they are: they stay in this process, and whoever writes them needs their events."""

    def __init__(self, hidden: Hidden) -> None:
        super().__init__()
        self.hidden, self.said = hidden, Said()
        self.shown: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        self._marks = Marks()

    def emit(self, record: logging.LogRecord) -> None:
        if not heartbeat(record):
            self._marks.put(record)
            self.shown.put(record)
            self.said.put(record)


@contextmanager
def logged(style: str) -> Iterator[Desk]:
    """Send the product's own log to stderr; libraries keep their mouths shut below warnings.

    A thread of its own writes the lines: neither a slow terminal nor one stopped by Ctrl-S may hold up a rollback.
    """
    desk = Desk(Hidden())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json(desk.hidden) if style == "json" else Text(desk.hidden))
    writer = QueueListener(desk.shown, handler)
    logging.basicConfig(level=logging.WARNING, handlers=[desk], force=True)
    logging.getLogger("reconciler").setLevel(logging.INFO)
    writer.start()
    try:
        yield desk
    finally:
        writer.stop()  # what was said is written before the command ends
