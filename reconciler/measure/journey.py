"""The load generator, a process of its own: `python -m reconciler.measure.journey`.

One line of JSON on standard input says what to send (`drivers/journey.py`); every request is two lines of JSON on
standard output: {"sent": its number, "road", "step", "start"} when it goes, so that one which hangs is known of, and
{"answered": its number, "latency", "status", "ok", "slot", "error", "void", "lost"} when it is over; {"unsent": its
number, "problem"} instead says that this machine could not send it. With visits, "sent" has the number of the
"session" too, and no more of it: its id stays in this process. It ends when standard input does, so it cannot outlive
its parent.

Requests are due at fixed times. A late one is measured from when it was due, so a slow answer cannot hide those that
waited behind it; one that is late by more than its whole timeout is not sent any more, so nothing bursts.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from reconciler.clock import SYSTEM
from reconciler.drivers.journey import Journey
from reconciler.drivers.protocols import Road
from reconciler.measure.errand import Errand, Strangers
from reconciler.measure.request import NotSent
from reconciler.measure.visitor import Visitor

MOST_THREADS = 64  # per road


class Schedule:
    """Numbers and due times (seconds, monotonic) of requests, for many threads."""

    def __init__(self, rate: float, begin: float, patience: float) -> None:
        self._rate, self._begin, self._patience = rate, begin, patience
        self._next = 0
        self._turn = Lock()

    def take(self, now: float) -> tuple[int, float]:
        """The next request, leaving out those whose time is long over."""
        with self._turn:
            earliest = math.ceil((now - self._patience - self._begin) * self._rate)
            number = max(self._next, earliest)
            self._next = number + 1
        return number, self._begin + number / self._rate


class Traveller:
    """Sends one road's requests until `stop`."""

    def __init__(self, journey: Journey, road: str, begin: float, stop: Event) -> None:
        self._road, self._stop = road, stop
        self._schedule = Schedule(journey.rate, begin, journey.timeout)
        self._errand = _errands(journey, road)
        count = min(MOST_THREADS, math.ceil(journey.rate * journey.timeout) + 1)
        self.threads = [Thread(target=self._travel, daemon=True, name=road) for _ in range(count)]

    def _travel(self) -> None:
        while True:
            number, due = self._schedule.take(SYSTEM.monotonic())
            if self._stop.wait(max(0.0, due - SYSTEM.monotonic())):
                return
            if errand := self._errand(number):
                self._go(errand, due)

    def _go(self, errand: Errand, due: float) -> None:
        number = next(_numbers)
        whose = {"session": errand.session} if errand.session else {}
        say({"sent": number, "road": self._road, "step": errand.step, "start": due, **whose})
        try:
            reply = errand.send()
        except NotSent as error:
            say({"unsent": number, "problem": str(error)})
            return
        latency = SYSTEM.monotonic() - due
        say({"answered": number, "latency": latency, "ok": not reply.error, **asdict(reply)})


def _errands(journey: Journey, road: str) -> Callable[[int], Errand | None]:
    """What is sent at each turn, by its number."""
    if journey.visits is None:
        return Strangers(journey, road).errand
    visits, way = journey.visits, journey.roads[road]
    visitors = [Visitor(number + 1, journey, visits, way) for number in range(visits.count)]
    return lambda turn: visitors[turn % len(visitors)].errand()


_turn = Lock()
_numbers = itertools.count()


def say(record: dict[str, Any]) -> None:
    _write((json.dumps(record) + "\n").encode())


def _write(line: bytes) -> None:
    """Past Python's buffers, because threads may still be writing when the interpreter ends."""
    try:
        with _turn:
            while line:
                line = line[os.write(1, line) :]
    except OSError:
        os._exit(0)  # nobody reads any more


def _usable(road: Road) -> bool:
    scheme = urlsplit(road.url).scheme
    return scheme == "http" or (scheme == "https" and bool(road.trust))


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes our input
    journey = Journey.read(sys.stdin.readline())
    strange = [name for name, road in journey.roads.items() if not _usable(road)]
    if strange:
        what = "http, and https to a gateway whose certificate is known"
        say({"problem": f"the sampler speaks {what}, and the road '{strange[0]}' is something else"})
        return 1
    stop = Event()
    begin = SYSTEM.monotonic() + 0.05
    apart = 1 / journey.rate / len(journey.roads)
    travellers = [Traveller(journey, road, begin + apart * n, stop) for n, road in enumerate(journey.roads)]
    threads = [thread for traveller in travellers for thread in traveller.threads]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    _write(b"\n")  # if our parent is gone, this is the end
    for thread in threads:  # what was sent is still waited for, so that every request has its sample
        thread.join(journey.timeout + 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
