"""The threads that keep the log and hand it on: one that writes, one for each destination. The loop waits for none."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.clock import SYSTEM, Clock
from reconciler.configuration import Configuration
from reconciler.drivers.logs.destination import sender
from reconciler.errors import InvalidConfiguration, Refused
from reconciler.logs import position
from reconciler.logs.desk import Desk
from reconciler.logs.hidden import secrets_of
from reconciler.logs.kept import Kept
from reconciler.logs.line import Json
from reconciler.logs.scribe import Scribe
from reconciler.logs.shipper import Shipper
from reconciler.repeating import Repeater

log = logging.getLogger("reconciler.logs")

FOLDER = "logs"  # in the state's folder
GRACE = 2.0  # seconds in which the threads may end; what is not sent then is sent by the next process


class Collector:
    """`desk` is where everything arrives that is said."""

    def __init__(self, configuration: Configuration, desk: Desk, clock: Clock = SYSTEM) -> None:
        folder = configuration.state_dir / FOLDER
        self._said = desk.said
        self._kept = Kept(folder, configuration.state.log_limit)
        self._shippers = [
            Shipper(name, sender(found), self._kept, position.file(folder, name), clock)
            for name, found in configuration.destinations.items()
        ]
        scribe = Scribe(desk.said, self._kept, Json(desk.hidden), self._wake)
        self._writer = Repeater("the log", scribe.step, scribe.flush)
        self._senders = [Repeater(f"logs.{one.name}", one.step, one.flush) for one in self._shippers]

    def start(self) -> None:
        """Without a disk to write to, stderr is all there is, and that is said."""
        try:
            self._kept.open()
        except Refused as error:
            log.error("%s; it goes to stderr only", error)
            return
        for shipper in self._shippers:
            shipper.begin()
        for thread in (self._writer, *self._senders):
            thread.start()

    def stop(self, grace: float = GRACE) -> None:
        """What was said is written, and sent where that works. A thread that waits for a silent one is left behind."""
        self._writer.ask_to_end()
        self._said.rouse()
        self._writer.ended(grace)
        for thread in self._senders:
            thread.ask_to_end()
        for thread in self._senders:
            thread.ended(grace / len(self._senders))
        self._kept.close()

    def _wake(self) -> None:
        for thread in self._senders:
            thread.wake()


@contextmanager
def collected(configuration: Configuration, desk: Desk) -> Iterator[None]:
    """Keep and hand on what is said, from the first line on that `desk` was given."""
    desk.hidden.know(secrets_of(configuration))
    collector = Collector(configuration, desk)
    collector.start()
    try:
        yield
    finally:
        collector.stop()


def not_allowed(configuration: Configuration) -> Iterator[str]:
    """Every destination whose host may not be asked."""
    for name, found in configuration.destinations.items():
        if found.host and not configuration.allowed(found.host):
            key = "url" if found.url else "address"
            cure = "add it to allow_hosts in [security]"
            yield f"logs.{name}.{key}: the host '{found.host}' may not be asked: {cure}"


def refuse_not_allowed(configuration: Configuration) -> None:
    """Raises InvalidConfiguration with everything that is wrong."""
    if wrong := list(not_allowed(configuration)):
        raise InvalidConfiguration("\n".join(f"{configuration.file}: {line}" for line in wrong))
