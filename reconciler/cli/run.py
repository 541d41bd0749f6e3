"""`reconcile run`: the loop. It acts, and goes back by itself."""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.alerts.addresses import refuse_misread
from reconciler.alerts.bell import Bell
from reconciler.cli.interrupt import ends_after_this, survives_hang_up, wait_for
from reconciler.desired.manifest import Invalid
from reconciler.desired.snapshot import Snapshot
from reconciler.desired.watch import Watch
from reconciler.errors import InvalidDesired
from reconciler.journal.sqlite import open_journal
from reconciler.logs.collector import collected, refuse_not_allowed
from reconciler.logs.desk import logged
from reconciler.loop.run import Runner, unseen
from reconciler.service.notify import Starter
from reconciler.session import Session

if TYPE_CHECKING:
    from reconciler.metrics.served import Metrics

logger = logging.getLogger("reconciler.run")


@click.command("run")
@click.option("--log", type=click.Choice(["text", "json"]), default="text", show_default=True, help="On stderr.")
@click.option("--poll", default=1.0, show_default=True, help="Seconds between looks at git beside file events.")
@click.pass_obj
def command(config: str | None, log: str, poll: float) -> int:
    """Keep every environment as git says, until interrupted. Gateways and slots run on when this stops."""
    with logged(log) as desk, Session.open(config) as session:
        refuse_misread(session.configuration)
        refuse_not_allowed(session.configuration)
        session.journal.lock(session.configuration.digest)
        with collected(session.configuration, desk):
            return serve(session, poll)


def serve(session: Session, poll: float = 1.0, stop: threading.Event | None = None) -> int:
    """Run until a signal, or `stop`. Exit code 1 when another reconciler took an environment over."""
    stop, starter = stop or threading.Event(), Starter(os.environ)
    if threading.current_thread() is threading.main_thread():
        ends_after_this(stop)
        survives_hang_up()
    sys.setswitchinterval(0.0005)  # a look asks several threads: 5 ms is too long to wait for one another
    bell = _bell(session)
    metrics = _metrics(session, bell)
    runner = Runner(session, session.keeper, bell.tell, metrics.show if metrics else unseen)
    session.alarm = runner.wake_one
    session.watched = True
    told = Told(session)

    def look() -> None:
        runner.look_and_wake()
        told.look()

    watch = Watch(_paths(session), look, interval=poll)
    logger.info("%s; Ctrl-C ends this loop, gateways and slots run on", told.place)
    told.look()
    bell.start()
    if metrics:
        metrics.start()
    runner.start()
    watch.start()
    starter.ready(told.place)
    try:
        wait_for(stop, session.journal.asked_to_end)
        starter.ending()
        logger.info("ending: steps that are being done are finished first")
    finally:
        watch.stop()
        runner.stop()
        bell.stop()
        if metrics:
            metrics.stop()
        for name in left_between(session):
            logger.warning("%s stays in the middle of a switch, nobody goes on or back, until: reconcile run", name)
    return 1 if runner.lost else 0


def _bell(session: Session) -> Bell:
    """It reads by a way of its own, so that it never takes a turn at the journal from the loop."""
    found = session.configuration
    journal = open_journal(found.journal_url, read_only=True)
    return Bell(found.recipients, found.state_dir, journal, session.clock)


def _metrics(session: Session, bell: Bell) -> Metrics | None:
    """None unless the operator's file names a place; by a way of its own to the journal, too."""
    found = session.configuration
    if found.metrics.listen is None:
        return None
    from reconciler.metrics.served import Metrics  # what it needs is loaded by nobody else

    journal = open_journal(found.journal_url, read_only=True)
    metrics = Metrics(found.metrics.listen, journal, bell.standings, session.clock, session.named)
    logger.info("metrics at http://%s/metrics", found.metrics.listen)
    return metrics


def left_between(session: Session) -> list[str]:
    """Environments with a transition that is not at its end."""
    return [name for name in session.names() if session.state(name).transition]


class Told:
    """What is wrong in git, into the log once each time that it changes. Called from two threads."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._seen: Snapshot | None = None
        self._before: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        names = ", ".join(self._session.names()) or "no environment yet"
        return f"keeping {names} as {self._session.repository.path} says"

    def look(self) -> None:
        found = self._session.desires.look()
        with self._lock:
            if found is self._seen:
                return
            now = problems(found)
            new = [problem for problem in now if problem not in self._before]
            self._seen, self._before = found, now
        for problem in new:
            logger.warning("%s", problem)


def problems(found: Snapshot) -> tuple[str, ...]:
    """Everything in git that cannot be used, in words."""
    invalid = (one for one in found.environments.values() if isinstance(one, Invalid))
    whole = [text for text in (found.problem, found.unverified) if text]
    return (*whole, *(str(each) for one in invalid for each in one.problems))


def _paths(session: Session) -> list[Path]:
    wake = session.journal.wake_folder
    return [*_references(session), *([wake] if wake else [])]


def _references(session: Session) -> list[Path]:
    """Where git writes when a branch moves. Of a repository that is not there yet: where that will be, in one with a
    work tree or in a bare one. Raises InvalidDesired when no operator's file says that there should be one."""
    repository = session.repository
    try:
        return [repository.watch_path()]
    except InvalidDesired:
        if session.configuration.file is None:
            raise
        return [repository.path / ".git" / "refs", repository.path / "refs"]
