"""Which process exactly: a number that the kernel hands out again is not enough to know one by, or to kill one by."""

from __future__ import annotations

import json
import os
import signal as signals
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

KILL = getattr(signals, "SIGKILL", signals.SIGTERM)  # Windows knows one way to end only
PROC = Path("/proc")
BOOT = PROC / "sys/kernel/random/boot_id"


@dataclass(frozen=True, slots=True)
class Identity:
    """One life of one process on this machine, fit to be written down and recognised after a restart of ours.

    `start` is when it began: on Linux in clock ticks since boot (the wall clock may jump, this cannot), elsewhere the
    kernel's absolute creation time. `boot` tells lives of the machine apart; empty where `start` is absolute already.
    """

    pid: int
    start: str
    boot: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The process that has this number now; None when there is none, or only a zombie."""
        if pid <= 0:
            return None
        return _of_linux(pid) if sys.platform == "linux" else _of_elsewhere(pid)

    def alive(self) -> bool:
        """Does this very process still run? A zombie does not; another process with the same number is not it."""
        return Identity.of(self.pid) == self

    def signal(self, number: int) -> bool:
        """Send a signal to this process and never to a successor of its number; False when it is gone.

        Raises PermissionError when it belongs to somebody else."""
        try:
            return self._signal(number)
        except ProcessLookupError:
            return False

    def _signal(self, number: int) -> bool:
        if sys.platform != "linux":
            if not self.alive():
                return False
            os.kill(self.pid, number)
            return True
        handle = os.pidfd_open(self.pid)  # holds the process, so that its number cannot change hands before the signal
        try:
            if not self.alive():
                return False
            signals.pidfd_send_signal(handle, number)
            return True
        finally:
            os.close(handle)

    def dump(self) -> str:
        """As one line of JSON, for a file."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Identity | None:
        """What `dump` wrote; None for anything else, so that a torn file reads as "nobody known"."""
        try:
            found = json.loads(text)
            return cls(int(found["pid"]), str(found["start"]), str(found["boot"]))
        except (ValueError, KeyError, TypeError):
            return None


def _of_linux(pid: int) -> Identity | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the command's name, in brackets, may itself hold brackets and spaces
    if len(fields) < 20 or _over(state=fields[0], threads=int(fields[17])):
        return None
    return Identity(pid, fields[19], BOOT.read_text(encoding="ascii").strip())


def _over(state: str, threads: int) -> bool:
    """A zombie is dead, but not while other threads of its still end: they hold its ports and files until then."""
    return state in "Xx" or (state == "Z" and threads <= 1)


def _of_elsewhere(pid: int) -> Identity | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Identity(pid, repr(process.create_time()), "")
    except psutil.Error:
        return None
