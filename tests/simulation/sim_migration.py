"""A simulated migration: what of the data is really made, and the driver that one process holds of it.

The command and its check take their time beside the loop, as in `drivers/commands/migrator.py`; what a process has
started ends with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.core.model import Migration
from reconciler.core.reading import MigrationReading, MigrationStatus
from reconciler.core.steps import Migrate
from reconciler.errors import Conflict

if TYPE_CHECKING:
    from sim_process import Process
    from sim_world import Place

APPLIED, FAILED, UNKNOWN = MigrationStatus.APPLIED, MigrationStatus.FAILED, MigrationStatus.UNKNOWN


@dataclass
class Data:
    """Of one environment: the versions that it was migrated for, and who is at it now."""

    applied: set[str] = field(default_factory=set)
    worker: Process | None = None

    @property
    def busy(self) -> bool:
        return self.worker is not None and self.worker.alive


class Migrator:
    """A process's driver."""

    def __init__(self, place: Place, process: Process) -> None:
        self._place, self._process = place, process
        self._reading, self._ran = MigrationReading(), False
        self._migration: Migration | None = None

    def read(self) -> MigrationReading:
        return self._reading

    def wait(self) -> None:
        pass

    def begin(self, wanted: Migrate, transition: str, *, only_ask: bool = False) -> None:
        self._process.may_die("before the migration begins")
        before = self._reading
        if before.status is MigrationStatus.RUNNING:
            if (before.transition, before.migration) != (transition, wanted.migration):
                raise Conflict("another migration has not ended yet")
            return
        self._ran, self._migration = False, wanted.migration
        self._tell(MigrationStatus.RUNNING, transition)
        otherwise = self._deny if only_ask else self._run
        self._later("migration-check-late", lambda: self._ask(wanted.version, transition, otherwise))
        self._process.may_die("after the migration began")

    def _ask(self, wanted: str, transition: str, otherwise: Callable[[str, str], None]) -> None:
        """The check; `otherwise` follows a clear no."""
        data = self._place.data
        self._ran = self._ran or data.busy
        if data.busy or self._place.weather.strikes("migration-check-unknown", 10):
            self._tell(UNKNOWN, transition)
        elif wanted in data.applied:
            self._tell(APPLIED, transition)
        else:
            otherwise(wanted, transition)

    def _deny(self, _: str, transition: str) -> None:
        self._tell(FAILED, transition)

    def _run(self, wanted: str, transition: str) -> None:
        data = self._place.data
        data.worker, self._ran = self._process, True
        self._place.say("migration", lambda: f"is run for {wanted} by {self._process.name}")
        self._later("migration-slow", lambda: self._end(wanted, transition))

    def _end(self, wanted: str, transition: str) -> None:
        data = self._place.data
        data.worker = None
        if wanted in data.applied:
            self._place.laws.breach(f"the migration for {wanted} was run twice")
        if not self._place.weather.strikes("migration-fails", 15):
            data.applied.add(wanted)
        self._ask(wanted, transition, self._deny)

    def _later(self, slowness: str, then: Callable[[], None]) -> None:
        """Unless its process has ended by then."""
        weather = self._place.weather
        delay = weather.draw("migration").uniform(0.02, 1.5)
        if weather.strikes(slowness, 12):
            delay += weather.draw(slowness).uniform(5.0, 60.0)
        self._place.timeline.after(delay, lambda: then() if self._process.alive else None)

    def _tell(self, status: MigrationStatus, transition: str) -> None:
        self._reading = MigrationReading(status, transition, self._ran, f"it is {status}", self._migration)
        self._place.say("migration", lambda: f"is {status} ({self._process.name})")
