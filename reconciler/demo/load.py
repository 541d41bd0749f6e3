"""The demo's users, as a process of their own: `python -m reconciler.demo.load --url URL --out FILE --rate 60`.

Each client sends on a schedule of its own, fixed beforehand: a slow answer delays that client's next request, and by
how much is recorded, but takes nothing off what is sent. Every request is one line of JSON in FILE (`account.Request`);
the last line holds the totals. Ends on SIGTERM, on SIGINT, or when its standard input ends, as it does when its parent
dies: give it a pipe.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import secrets
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from reconciler.clock import SYSTEM, Clock
from reconciler.demo.account import Request, totals
from reconciler.demo.client import Client

CLIENTS = 12
FLUSH_S = 0.1
TOO_LATE_S = 1.0  # then what was missed is skipped, and counted, instead of being sent in one burst


class Schedule:
    """Moments at a fixed distance. `skipped` counts those that nobody was there for."""

    def __init__(self, first: float, period: float) -> None:
        self.next, self.period, self.skipped = first, period, 0

    def take(self, now: float) -> float:
        """The next moment; it may be past. Moments long past are skipped."""
        if now - self.next > TOO_LATE_S:
            missed = int((now - self.next) / self.period)
            self.skipped += missed
            self.next += missed * self.period
        due = self.next
        self.next += self.period
        return due


class Load:
    """All clients, half of them on kept connections, half on a fresh one per request."""

    def __init__(
        self,
        url: str,
        rate: float,
        clock: Clock = SYSTEM,
        clients: int = CLIENTS,
        timeout: float = 5.0,
        ca: Path | None = None,
    ) -> None:
        trust = ssl.create_default_context(cafile=ca) if urlsplit(url).scheme == "https" else None
        address, run = urlsplit(url).netloc, secrets.token_hex(4)
        begin, period = clock.monotonic() + 0.05, clients / rate
        self.clock, self.stop = clock, threading.Event()
        self._sent: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._clients = [
            Client(number, address, run, clock, fresh=bool(number % 2), timeout=timeout, trust=trust)
            for number in range(clients)
        ]
        self._schedules = [Schedule(begin + number / rate, period) for number in range(clients)]
        self._threads = [
            threading.Thread(target=self._work, args=pair, daemon=True)
            for pair in zip(self._clients, self._schedules, strict=True)
        ]

    def run(self, out: TextIO) -> None:
        """Until `stop`: then every request that was sent gets its line, and the totals close the file."""
        sent: list[Request] = []
        for thread in self._threads:
            thread.start()
        while any(thread.is_alive() for thread in self._threads):
            self.stop.wait(FLUSH_S) if not self.stop.is_set() else self._threads_end()
            sent += self._write(out)
        sent += self._write(out)
        skipped = sum(schedule.skipped for schedule in self._schedules)
        latest = max((request.late for request in sent), default=0.0)
        out.write(json.dumps({"totals": asdict(totals(sent)), "skipped": skipped, "latest": round(latest, 6)}) + "\n")
        out.flush()

    def _threads_end(self) -> None:
        for thread in self._threads:
            thread.join(FLUSH_S)

    def _work(self, client: Client, schedule: Schedule) -> None:
        while True:
            now = self.clock.monotonic()
            due = schedule.take(now)
            if self.stop.wait(max(0.0, due - now)):
                return client.close()
            self._sent.put(client.send(due))

    def _write(self, out: TextIO) -> list[Request]:
        """Whatever has been answered since the last look."""
        found = [self._sent.get() for _ in range(self._sent.qsize())]
        out.write("".join(json.dumps(asdict(request)) + "\n" for request in found))
        out.flush()
        return found


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Send the demo's users to the sample system.")
    parser.add_argument("--url", required=True, help="http://host:port of the gateway, or https://")
    parser.add_argument("--ca", type=Path, help="https: PEM of the authority to believe (default: this machine's)")
    parser.add_argument("--out", required=True, type=Path, help="file for the records")
    parser.add_argument("--rate", type=float, default=60.0, help="requests per second, all clients together")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    given = parser.parse_args(words)
    load = Load(given.url, given.rate, clients=given.clients, ca=given.ca)
    _ends(load.stop)
    with given.out.open("w", encoding="utf-8") as out:
        load.run(out)
    return 0


def _ends(stop: threading.Event) -> None:
    """Set by the end of our input, by SIGTERM and Ctrl-C. A handler may take no lock: it runs in the midst of the main
    thread's work; a `SimpleQueue` has none."""
    heard: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: heard.put(number))

    def wait(end: Callable[[], object]) -> None:
        end()
        stop.set()

    for end in (heard.get, _end_of_input):
        threading.Thread(target=wait, args=(end,), daemon=True).start()


def _end_of_input() -> None:
    """Unbuffered on purpose: a thread that waits in a buffered read keeps the interpreter from ending."""
    while os.read(0, 1024):
        pass


if __name__ == "__main__":
    sys.exit(main())
