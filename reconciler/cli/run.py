"""`reconcile run`: the loop. It acts, and goes back by itself."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import click

from reconciler.cli.logs import configure
from reconciler.desired.watch import Watch
from reconciler.loop.run import Runner
from reconciler.session import Session


@click.command("run")
@click.option("--log", type=click.Choice(["text", "json"]), default="text", show_default=True, help="On stderr.")
@click.option("--poll", default=1.0, show_default=True, help="Seconds between looks at git beside file events.")
@click.pass_obj
def command(config: str | None, log: str, poll: float) -> int:
    """Keep every environment as git says, until interrupted. Gateways and slots run on when this stops."""
    configure(log)
    with Session.open(config) as session:
        session.journal.lock()
        return serve(session, poll)


def serve(session: Session, poll: float = 1.0, stop: threading.Event | None = None) -> int:
    """Run until a signal, or `stop`. Exit code 1 when another reconciler took an environment over."""
    stop = stop or threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
    sys.setswitchinterval(0.0005)
    runner = Runner(session, session.keeper)
    session.alarm = runner.wake_one
    watch = Watch(_paths(session), runner.look_and_wake, interval=poll)
    runner.start()
    watch.start()
    try:
        stop.wait()
    finally:
        watch.stop()
        runner.stop()
    return 1 if runner.lost else 0


def _paths(session: Session) -> list[Path]:
    wake = session.journal.wake_folder
    return [session.repository.watch_path(), *([wake] if wake else [])]
