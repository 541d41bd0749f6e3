"""Who of a recorded start is alive, asked cheaply again and again; and the reaping of our own children."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from reconciler.drivers.identity import Identity
from reconciler.drivers.process.family import bearers, family
from reconciler.drivers.process.record import Record

# By record. Of this process, not of a host: hosts are opened anew while the processes live, and only a parent can reap.
_children: dict[Path, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class Life:
    """What is left of one start. No leader but others: the program ended, and something that it had started did not."""

    leader: Identity | None = None
    others: tuple[Identity, ...] = ()
    starting: bool = False  # another reconciler is about to spawn it

    @property
    def over(self) -> bool:
        return not (self.leader or self.others or self.starting)


class Lives:
    """Looks for the processes of starts. Remembers only what cannot change any more."""

    def __init__(self) -> None:
        self._over: set[str] = set()  # tokens that nobody carries: nobody can inherit them again
        self._found: dict[str, Identity] = {}  # leaders of starts whose record stopped at `starting`

    def of(self, record: Record) -> Life:
        reap()
        leader = record.identity or self._found.get(record.token)
        if leader and leader.alive():
            return Life(leader)
        if record.token in self._over:
            return Life()
        left = bearers(record.token)
        if record.pid is None and leader is None:
            return self._unrecorded(record, left)
        if not left:
            self._over.add(record.token)
        return Life(None, left)

    def _unrecorded(self, record: Record, left: tuple[Identity, ...]) -> Life:
        """The record stopped at `starting`: the oldest process with the token is the one that was started."""
        if not left:
            return Life(starting=_about_to_spawn(record))
        self._found[record.token] = left[0]
        return Life(left[0])

    def everyone(self, record: Record) -> tuple[Identity, ...]:
        """All processes of a start, not only its leader."""
        return family(record.token, self.of(record).leader)


def keep(path: Path, child: subprocess.Popen[bytes]) -> None:
    _children[path] = child


def reap() -> None:
    """Let those of our children that have ended leave the process table."""
    for child in list(_children.values()):
        child.poll()


def exit_code(path: Path, record: Record) -> int | None:
    """How the process of this record ended, if it was our child; negative is a signal's number."""
    child = _children.get(path)
    return child.poll() if child and child.pid == record.pid else None


def _about_to_spawn(record: Record) -> bool:
    """Somebody else wrote `starting` and still lives. What we began is over: one thread acts per environment."""
    starter = record.starter
    return starter is not None and starter.pid != os.getpid() and starter.alive()
