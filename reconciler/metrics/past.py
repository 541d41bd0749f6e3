"""The figures of `evidence/kpi` as metrics. A thread of its own reads the journal, by a way of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from itertools import islice

from reconciler.clock import Clock
from reconciler.core.events import Phase
from reconciler.errors import ReconcilerError
from reconciler.evidence.kpi import Figures, Kpi, Month
from reconciler.journal.entry import Entry
from reconciler.journal.store import Journal
from reconciler.metrics.families import Sample

log = logging.getLogger("reconciler.metrics")

POLL, TROUBLE = 2.0, 30.0  # seconds between two looks at the journal, and after one that failed
PAGE = 200  # entries that are folded at a time: then others get their turn


class Past:
    """`samples` gives what was read last, and never reads. Nothing is told before the whole journal was read once."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._kpi, self._read = Kpi(), dict[str, int]()
        self._known: tuple[Sample, ...] = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics-journal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(POLL)
        self._journal.close()

    def samples(self) -> tuple[Sample, ...]:
        return self._known

    def look(self) -> None:
        """Fold what is new. Raises JournalError."""
        for name in self._journal.environments():
            self._fold(name)
        if not self._stop.is_set():
            self._known = tuple(told(self._kpi, self._clock))

    def _fold(self, name: str) -> None:
        seen = self._read.get(name, 0)
        new: Iterator[Entry] = iter(self._journal.since(name, seen)) if seen else self._journal.entries(name)
        while (page := list(islice(new, PAGE))) and not self._stop.wait(0):
            for entry in page:
                self._kpi.take(entry)
                self._read[name] = entry.seq

    def _run(self) -> None:
        trouble = ""
        while not self._stop.is_set():
            try:
                self.look()
                trouble = ""
            except ReconcilerError as error:
                if str(error) != trouble:
                    log.error("figures of the journal wait: %s", error)
                trouble = str(error)
            except Exception:  # nothing of this may reach the loop
                log.exception("a defect in the reconciler; the figures of the journal stay as they are")
                return
            self._stop.wait(TROUBLE if trouble else POLL)


def told(kpi: Kpi, clock: Clock) -> Iterator[Sample]:
    for name, figures in kpi.totals().items():
        yield from _total(name, figures)
    now = clock.now()
    month = Month.of(now, kpi.zone)
    for name, each, figures in kpi.figures(now):
        if each == month:
            yield from _month(name, figures)


def _total(name: str, figures: Figures) -> Iterator[Sample]:
    tally = figures.tally
    requests, failed = tally.requests
    times = {"up": tally.up, "down": tally.out, "unclear": tally.unclear, "off": tally.off}
    for state, seconds in times.items():
        yield ("reconciler_kpi_seconds_total", (name, state), seconds)
    yield ("reconciler_kpi_requests_total", (name,), requests)
    yield ("reconciler_kpi_failed_requests_total", (name,), failed)
    ends = {
        Phase.SUCCEEDED: figures.switches,
        Phase.ROLLED_BACK: figures.rollbacks,
        Phase.ABORTED: figures.aborted,
        Phase.SUPERSEDED: figures.superseded,
    }
    for phase, count in ends.items():
        yield ("reconciler_transitions_total", (name, phase), count)
    yield ("reconciler_time_to_safety_seconds_count", (name,), figures.to_safety.count)
    yield ("reconciler_time_to_safety_seconds_sum", (name,), figures.to_safety.total)


def _month(name: str, figures: Figures) -> Iterator[Sample]:
    if figures.downtime is not None:
        yield ("reconciler_kpi_month_downtime_seconds", (name,), figures.downtime)
    if figures.per_million is not None:
        yield ("reconciler_kpi_month_failed_per_million", (name,), figures.per_million)
    yield ("reconciler_kpi_month_not_watched_seconds", (name,), figures.unwatched)
    yield ("reconciler_kpi_month_unclear_seconds", (name,), figures.unclear)
    if figures.to_safety.count:
        yield ("reconciler_kpi_month_time_to_safety_longest_seconds", (name,), figures.to_safety.longest)
