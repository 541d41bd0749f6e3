"""Ending what one start brought forth: asked first, then by force."""

from __future__ import annotations

import signal
import time

from reconciler.drivers.identity import KILL
from reconciler.drivers.process.family import of_group, signal_all
from reconciler.drivers.process.lives import Lives
from reconciler.drivers.process.record import Record

ROUNDS = 20
ROUND_S = 0.05


def request_end(lives: Lives, record: Record) -> None:
    """Ask the program's process group to end gracefully; without the program, whatever it left behind."""
    life = lives.of(record)
    members = lives.everyone(record)
    signal_all(of_group(members, life.leader) if life.leader else members, signal.SIGTERM)


def end(lives: Lives, record: Record) -> None:
    """End all of them now, again for those that were born meanwhile; returns when none is left, or after a second."""
    for _ in range(ROUNDS):
        members = lives.everyone(record)
        if not members:
            return
        signal_all(members, KILL)
        time.sleep(ROUND_S)
