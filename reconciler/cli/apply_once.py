"""`reconcile --once --apply`: bring every environment to rest, once, and exit."""

from __future__ import annotations

import json
import signal
import threading

import click

from reconciler.cli.logs import configure
from reconciler.cli.session import Session
from reconciler.core.conditions import IN_SYNC, ROLLED_BACK
from reconciler.loop.keeper import Keeper
from reconciler.loop.run import run_to_end


def apply_once(config: str | None, environment: tuple[str, ...], output: str) -> int:
    """One environment after the other, each to its end. Exit 4 when a transition was rolled back or aborted."""
    configure("json" if output == "json" else "text")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    codes: list[int] = []
    reports: list[dict[str, object]] = []
    with Session.open(config) as session:
        session.journal.lock()
        session.look()
        for name in session.chosen(environment):
            code, report = _one(session.keeper(name), stop)
            codes.append(code)
            reports.append({"environment": name, "exitCode": code, **report})
    if output == "json":
        click.echo(json.dumps({"environments": reports}))
    else:
        for told in reports:
            click.echo("{environment}: {reason}: {message}".format(**told))
    return max(codes, default=IN_SYNC, key=lambda code: (0, 2, 3, 4, 1).index(code))


def _one(keeper: Keeper, stop: threading.Event) -> tuple[int, dict[str, str]]:
    keeper.take()
    before = keeper.state.last
    found = run_to_end(keeper, stop.wait)
    last = keeper.state.last
    failed = last is not None and last != before and str(last.phase) != "Succeeded"
    code = ROLLED_BACK if failed else found.status.exit_code
    return code, {"reason": found.status.reason, "message": found.status.message}
