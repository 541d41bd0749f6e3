"""What our change of one slot's site does to the other slot: whether what runs there is restarted by it."""

from __future__ import annotations

import logging

from reconciler.clock import Clock
from reconciler.drivers.iis.scripts import Stand
from reconciler.drivers.iis.standing import restarted

log = logging.getLogger("reconciler.iis")

WATCHED = 60.0  # seconds after a change of ours in which a process that ends is told as its doing
RESTARTS = "a change of applicationHost.config may restart what runs by HttpPlatformHandler there (decision 031)"


class Neighbour:
    """Of one slot, while this process lives: it is told, and nothing is decided by it. `who`: what runs there;
    `other`: the slot that is changed."""

    def __init__(self, who: str, other: str, clock: Clock) -> None:
        self._who, self._other, self._clock = who, other, clock
        self._before: tuple[float, Stand] | None = None
        self._told: tuple[Stand, str] | None = None

    def changed(self, before: Stand) -> None:
        """We changed the other slot; so it stood just before."""
        self._before = (self._clock.monotonic(), before)

    def seen(self, now: Stand) -> str:
        """So it stands. Whether it was restarted by us in this life of its pool, in words; empty when it was not."""
        if self._before and (ended := restarted(self._before[1], now)):
            text = f"{ended} ended when the configuration was changed for {self._other}: {RESTARTS}"
            log.warning("%s: %s", self._who, text)
            self._before, self._told = None, (now, text)
        if self._before and self._clock.monotonic() - self._before[0] > WATCHED:
            self._before = None
        if self._told and (now.pool, now.release) != (self._told[0].pool, self._told[0].release):
            self._told = None
        return self._told[1] if self._told else ""
