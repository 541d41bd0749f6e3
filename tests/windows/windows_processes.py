"""Processes of the simulated machine: real ones of this machine, on loopback, which end when that one is switched off.

processes = Processes(windows)            # one for a machine: all its parts start their programs by it
life = processes.start([sys.executable, "member.py"], r'c:\\windows\\w3wp.exe -ap "shop"')
processes.ask(life)                       # to end, as a program is asked; it may take its time, or not listen
processes.kill(life)
windows.reboot()                          # nothing of it is left; parts start again what starts by itself
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from windows_machine import Windows

LIMIT = 30.0  # seconds after which a killed process must have gone


@dataclass
class Life:
    """One life of one process. `line`: its command line, as that Windows shows it; `deaf`: it does not end when it is
    asked; `of`: the one that started it."""

    program: subprocess.Popen[bytes]
    line: str
    started: str  # UTC, ISO 8601
    deaf: bool = False
    of: int = 0

    @property
    def pid(self) -> int:
        return self.program.pid

    @property
    def alive(self) -> bool:
        return self.program.poll() is None

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.program.poll()


@dataclass
class Processes:
    windows: Windows
    lives: list[Life] = field(default_factory=list)  # also those that have ended

    def __post_init__(self) -> None:
        self.windows.parts.append(self)

    def start(
        self,
        argv: Sequence[str],
        line: str = "",
        *,
        environ: Mapping[str, str] | None = None,
        log: Path | None = None,
        deaf: bool = False,
        of: int = 0,
    ) -> Life:
        """`environ` is added to ours. Raises OSError where the program is not there."""
        said = {**os.environ, **(environ or {})}
        started = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        with contextlib.ExitStack() as opened:
            output = opened.enter_context(log.open("ab")) if log else subprocess.DEVNULL
            program = subprocess.Popen(
                list(argv),
                env=said,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        life = Life(program, line or " ".join(argv), started, deaf, of)
        with self.windows.lock:
            self.lives.append(life)
        return life

    def running(self) -> list[Life]:
        with self.windows.lock:
            return [life for life in self.lives if life.alive]

    def find(self, pid: int) -> Life | None:
        """The one that has this number now."""
        return next((life for life in self.running() if life.pid == pid), None)

    def ask(self, life: Life) -> None:
        if life.alive and not life.deaf:
            life.program.send_signal(signal.SIGTERM)

    def kill(self, life: Life) -> None:
        """It has ended when this returns."""
        life.program.kill()
        life.program.wait(LIMIT)

    def down(self) -> None:
        """The machine is switched off."""
        for life in self.running():
            self.kill(life)

    def up(self) -> None:
        """Nothing starts by itself but what a service, or IIS, starts."""


def ended(life: Life) -> None:
    """Wait until it has."""
    limit = time.monotonic() + LIMIT
    while life.alive:
        assert time.monotonic() < limit, f"{life.line} has not ended"
        time.sleep(0.01)
