"""Writes what was said into the log on this disk. When that cannot be done it says so once, on stderr, and goes on."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable

from reconciler.clock import shown
from reconciler.logs.desk import Said
from reconciler.logs.kept import Kept
from reconciler.logs.line import Json

log = logging.getLogger("reconciler.logs")

AT_ONCE = 1000  # lines
HELD = 10_000  # lines that are kept in memory while the disk is full; the oldest go first
LOOK = 1.0  # seconds until what could not be written is tried again


class Scribe:
    """`step` and `flush` are for its one thread; `wake` tells that there is more to be sent."""

    def __init__(self, said: Said, kept: Kept, form: Json, wake: Callable[[], None]) -> None:
        self._said, self._kept, self._form, self._wake = said, kept, form, wake
        self._held: deque[bytes] = deque()
        self._lost = 0  # lines, since the disk is full
        self._told = 0  # of those that the queue had no room for
        self._trouble = False

    def step(self) -> float:
        """What was said by now, written; waits a moment for something to be said."""
        for record in self._said.take(LOOK, AT_ONCE):
            self._hold(self._line(record))
        if self._held:
            self._write()
        return 0.0

    def flush(self) -> float:
        """At the end of the process: everything."""
        while records := self._said.take(0.0, AT_ONCE):
            for record in records:
                self._hold(self._line(record))
        if self._held:
            self._write()
        return 0.0

    def _hold(self, line: bytes) -> None:
        self._held.append(line)
        if len(self._held) > HELD:
            self._held.popleft()
            self._lost += 1

    def _write(self) -> None:
        try:
            self._kept.append(list(self._held))
        except OSError as error:
            if not self._trouble:
                text = "the log in %s cannot be written: %s; it goes on on stderr, and there when it can"
                log.error(text, self._kept.folder, error.strerror)
            self._trouble = True
            return
        self._held.clear()
        self._wake()
        if self._trouble:
            log.warning("the log is written again; %d lines in between are on stderr only", self._lost)
            self._trouble, self._lost = False, 0
        self._tell_missed()

    def _tell_missed(self) -> None:
        if (missed := self._said.missed) > self._told:
            log.warning("the disk did not answer for long: %d lines are on stderr only", missed - self._told)
            self._told = missed

    def _line(self, record: logging.LogRecord) -> bytes:
        try:
            return self._form.format(record).encode()
        except Exception as error:  # a defect of whoever said it: its place is known all the same
            at, level = shown(record.created), record.levelname.lower()
            told = {"id": getattr(record, "id", ""), "at": at, "level": level, "logger": record.name}
            return json.dumps({**told, "message": f"a line that cannot be written ({type(error).__name__})"}).encode()
