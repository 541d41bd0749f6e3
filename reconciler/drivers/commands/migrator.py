"""One environment's migration, run beside the loop: a gateway that ends meanwhile comes back, a person is heard.

Nothing is written down: after a restart the check says what became of it. What must not happen is that two of them run
at once. One of ours is seen here; one whose reconciler was killed carries a token in its environment until it has ended
(`ward.py` sees to that).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from reconciler.core.model import Migration
from reconciler.core.reading import MigrationReading, MigrationStatus
from reconciler.drivers.commands.command import Command
from reconciler.drivers.commands.run import Ended, run
from reconciler.drivers.process.family import bearers
from reconciler.errors import Conflict, ReconcilerError, Refused

log = logging.getLogger("reconciler.migration")

NOT_APPLIED = 10  # the check's exit code for a clear no; 1 and 2 are how programs end that went wrong
LONGEST = 200  # characters of a command's last line, in a reason
APPLIED, FAILED, UNKNOWN = MigrationStatus.APPLIED, MigrationStatus.FAILED, MigrationStatus.UNKNOWN
Found = tuple[MigrationStatus, str]
Told = tuple[MigrationStatus, str, bool]  # and whether the command ran


@dataclass(frozen=True, slots=True)
class Migrating:
    """What is to be run, for whom, and what tells whether it was applied."""

    migration: Migration  # by the names of the manifest
    command: Command
    check: Command
    values: Mapping[str, str]  # what their placeholders stand for

    @property
    def name(self) -> str:
        """Of the command, in the operator's file."""
        return self.migration.command


class Migrator:
    """At most one migration at a time, for as long as this process keeps the environment."""

    def __init__(self, state: Path) -> None:
        """`state`: a folder of this environment's own; its path is what a run is known by."""
        self._token = f"migration-{hashlib.sha256(str(state.absolute()).encode()).hexdigest()[:32]}"
        self._reading = MigrationReading()
        self._thread: Thread | None = None

    def read(self) -> MigrationReading:
        return self._reading

    def begin(self, wanted: Migrating, transition: str, *, only_ask: bool = False) -> None:
        """Ask the check, run the command if need be, and ask again, without waiting for any of it; `only_ask`: nothing
        is run. Already at it: nothing happens. Raises Conflict while another one is under way, or no thread is to be
        had: then nothing was begun."""
        before = self._reading
        if self._thread and self._thread.is_alive():
            if (before.transition, before.migration) == (transition, wanted.migration):
                return
            raise Conflict(f"a migration of transition {before.transition} has not ended yet")
        told = f"'{wanted.name}' is under way"
        self._reading = MigrationReading(MigrationStatus.RUNNING, transition, False, told, wanted.migration)
        thread = Thread(target=self._run, args=(wanted, transition, only_ask), name="migration")
        try:
            thread.start()
        except RuntimeError as error:
            self._reading = before
            raise Conflict(f"'{wanted.name}' cannot be begun now: {error}") from error
        self._thread = thread

    def wait(self) -> None:
        """Until nothing is under way: one that is cut off may leave half of it behind."""
        if self._thread and self._thread.is_alive():
            log.warning("a migration is under way and is waited for; once more Ctrl-C ends it by force")
            self._thread.join()

    def _run(self, wanted: Migrating, transition: str, only_ask: bool) -> None:
        try:
            status, detail, ran = self._migrated(wanted, only_ask)
        except Exception as error:  # whatever it is, nobody knows what became of the data
            status, detail, ran = UNKNOWN, f"'{wanted.name}': {error or type(error).__name__}", not only_ask
        self._reading = MigrationReading(status, transition, ran, detail, wanted.migration)

    def _migrated(self, wanted: Migrating, only_ask: bool) -> Told:
        if bearers(self._token):
            return UNKNOWN, "an earlier run of it, of a reconciler that was killed, has not ended yet", True
        status, answer = _asked(wanted)
        if status is not FAILED or only_ask:
            return status, answer, False
        how = self._tried(wanted)
        status, answer = _asked(wanted)
        return status, f"'{wanted.name}' {how}; {answer}", True

    def _tried(self, wanted: Migrating) -> str:
        """How it ended, for people: only the check says what became of it."""
        try:
            return told(run(wanted.command, wanted.values, token=self._token))
        except Refused as error:
            return f"did not run: {error}"


def _asked(wanted: Migrating) -> Found:
    """What the check says; a check that cannot be run, or is ended by force, says nothing."""
    try:
        ended = run(wanted.check, wanted.values)
    except ReconcilerError as error:
        return UNKNOWN, f"whether it is applied is not known: {error}"
    if ended.code == wanted.check.expect:
        return APPLIED, "the check says that it is applied"
    if ended.code == NOT_APPLIED:
        return FAILED, "the check says that it is not applied"
    return UNKNOWN, f"whether it is applied is not known: the check {told(ended)}"


def told(ended: Ended) -> str:
    last = ended.said.rpartition("\n")[2][:LONGEST]
    how = ended.stopped or f"ended with exit code {ended.code} after {ended.seconds:.1f} s"
    return f"{how}, saying: {last}" if last else how
