"""`reconcile service run`: the loop as a child, begun again when it fails. systemd does that by itself; what a task of
Windows does with an exit code is nowhere promised, and its stderr leads nowhere."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from reconciler.backing_off import BackOff
from reconciler.clock import SYSTEM, Clock
from reconciler.errors import ReconcilerError

BASE, CEILING = 5.0, 300.0  # seconds until it is begun again
LONG = 60.0  # seconds of work after which a failure is a first one
FILE = "service.log"  # in the state's folder: what the loop said on stderr, of this life; and of the one before
Start = Callable[[Sequence[str], Path], int]


def keep(argv: Sequence[str], log: Path, wait: Callable[[float], bool], start: Start, clock: Clock = SYSTEM) -> int:
    """Until it ends with 0, as it does when it is asked to; that is what this returns. `wait` sleeps; True: stop."""
    pauses, failures = BackOff(BASE, CEILING), 0
    while True:
        began = clock.monotonic()
        if (code := start(argv, log)) == 0:
            return code
        failures = 1 if clock.monotonic() - began > LONG else failures + 1
        if wait(pauses.after(failures)):
            return code


def child(argv: Sequence[str], log: Path) -> int:
    """The exit code; its words in `log`, those of the life before beside it. Raises ReconcilerError."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists():
            log.replace(log.with_name(f"{log.name}.1"))
        with log.open("wb") as said:
            flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows
            return subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, creationflags=flags
            ).wait()
    except OSError as error:
        raise ReconcilerError(f"the loop cannot be started: {error.strerror}: {error.filename or argv[0]}") from error
