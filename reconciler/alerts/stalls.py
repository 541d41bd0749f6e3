"""What waits for a person. The journal does not know: it comes from the loop, and is kept here across a restart."""

from __future__ import annotations

import json
import logging
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reconciler.alerts.events import Stall, stalls
from reconciler.clock import Clock
from reconciler.core.situation import Wait
from reconciler.drivers.local import durable

log = logging.getLogger("reconciler.alerts")

FILE = "_stalls.json"  # no recipient's name begins so
LASTING = 10.0  # seconds that it has to last, and to be over: what comes and goes wakes nobody
KEPT = 200


class Stalls:
    """`tell` is for the loop and only remembers; everything else is for the one thread that writes."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._file, self._clock = folder / FILE, clock
        self._said: dict[str, Wait | None] = {}
        self._since: dict[str, tuple[str, float]] = {}  # by environment: the present reason, and since when
        self.told: dict[str, str] = {}  # by environment: the reason that was told last
        self.kept: deque[Stall] = deque(maxlen=KEPT)
        self.number = 0
        self._dirty = False

    def tell(self, environment: str, wait: Wait | None) -> None:
        """What an environment waits for now. Takes no time and never fails."""
        self._said[environment] = wait

    def load(self, journal: str) -> None:
        """What was told before the restart. What cannot be read, or is about another journal, is as if it never was."""
        try:
            data = json.loads(self._file.read_text("utf-8"))
            if data["journal"] == journal:
                kept = deque((Stall(**one) for one in data["stalls"]), maxlen=KEPT)
                self.kept, self.told, self.number = kept, dict(data["told"]), int(data["number"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("%s cannot be read (%s): what waits for a person is told anew", self._file, error)

    def settle(self, journal: str, head: int) -> None:
        """Look at what was said: what has lasted is a stall. Raises Refused when it cannot be written; then it is tried
        again by the next call."""
        for environment, wait in list(self._said.items()):
            reason = wait.reason if wait and stalls(wait) else ""
            if self._lasts(environment, reason) and reason != self.told.get(environment, ""):
                self.told[environment] = reason
                self._dirty = True
                if wait and reason:
                    self.number += 1
                    message, at = wait.message, self._clock.wall()
                    self.kept.append(Stall(self.number, head, environment, reason, message, at))
        if self._dirty:
            self._write(journal)

    def _lasts(self, environment: str, reason: str) -> bool:
        now = self._clock.monotonic()
        before, since = self._since.get(environment, ("", now))
        if environment not in self._since or before != reason:
            since = now
        self._since[environment] = (reason, since)
        return now - since >= LASTING

    def _write(self, journal: str) -> None:
        data: dict[str, Any] = {"journal": journal, "number": self.number, "told": self.told}
        durable.write(self._file, json.dumps({**data, "stalls": [asdict(stall) for stall in self.kept]}))
        self._dirty = False
