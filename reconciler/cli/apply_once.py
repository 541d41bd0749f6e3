"""`reconcile --once --apply`: bring every environment to rest, once, and exit."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass

import click

from reconciler.cli.exit_codes import worst
from reconciler.cli.interrupt import ends_after_this
from reconciler.cli.layout import say
from reconciler.core.conditions import ERROR, IN_SYNC, ROLLED_BACK
from reconciler.core.events import Phase
from reconciler.errors import ReconcilerError
from reconciler.logs.collector import collected, refuse_not_allowed
from reconciler.logs.desk import logged
from reconciler.loop.keeper import Keeper
from reconciler.loop.run import leave, look_on, run_to_end
from reconciler.session import Session

INTERRUPTED = 130


def apply_once(config: str | None, environment: tuple[str, ...], output: str) -> int:
    """One environment after the other, each to its end. Exit 4 when a transition was rolled back or aborted.

    Ctrl-C and SIGTERM end it after the step that is being done; a second one at once.
    """
    stop = threading.Event()
    ends_after_this(stop)
    reports: list[Report] = []
    with logged("json" if output == "json" else "text") as desk, Session.open(config) as session:
        refuse_not_allowed(session.configuration)
        session.journal.lock(session.configuration.digest)
        with collected(session.configuration, desk):
            session.look()
            for name in session.chosen(environment):
                if not stop.is_set():
                    reports.append(_one(session.keeper(name), stop))
                    session.keeper(name).watcher.close(stop.is_set)
            if not stop.is_set():
                session.finisher.wait()
    if output == "json":
        click.echo(json.dumps({"environments": [report.as_json() for report in reports]}))
    else:
        say(*(f"{report.environment}: {report.reason}: {report.message}" for report in reports))
    if stop.is_set():
        click.echo("interrupted: it stays as it is until: reconcile --once --apply, or reconcile run", err=True)
        return INTERRUPTED
    return worst(report.code for report in reports)


@dataclass(frozen=True, slots=True)
class Report:
    """How one environment came to rest."""

    environment: str
    code: int
    reason: str
    message: str

    def as_json(self) -> dict[str, object]:
        told = {"environment": self.environment, "exitCode": self.code}
        return {**told, "reason": self.reason, "message": self.message}


def _one(keeper: Keeper, stop: threading.Event) -> Report:
    """Its trouble is its own: the other environments go on."""
    try:
        keeper.take()
        before, was_down = keeper.state.last, keeper.state.went_down
        found = run_to_end(keeper, stop.wait)
        look_on(keeper, stop.wait)
        leave(keeper)
    except ReconcilerError as error:
        return Report(keeper.name, ERROR, type(error).__name__, str(error))
    last = keeper.state.last
    failed = last is not None and last != before and last.phase is not Phase.SUCCEEDED
    stopped = keeper.state.went_down and not was_down  # that was asked for, and is done
    code = IN_SYNC if stopped else ROLLED_BACK if failed else found.status.exit_code
    return Report(keeper.name, code, found.status.reason, found.status.message)
