"""One life of the load generator's process, from its start until it was waited for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock, Timer
from typing import Any

import reconciler
from reconciler.drivers.journey import Journey

COMMAND = (sys.executable, "-m", "reconciler.measure.journey")
GRACE = 2.0  # seconds beyond a request's timeout that it may need to end


class Generator:
    """A session of its own keeps a terminal's Ctrl-C away; the pipe to its input ends it, even if we are killed."""

    def __init__(self, journey: Journey, command: Sequence[str] = COMMAND) -> None:
        """Raises OSError when it cannot be started."""
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        )
        self._turn = Lock()
        self._ending = False
        self._killer = Timer(journey.timeout + GRACE, self._child.kill)
        self._killer.daemon = True
        self._last_words = ""
        self._tell(journey.line())

    @property
    def pid(self) -> int:
        return self._child.pid

    def records(self) -> Iterator[dict[str, Any]]:
        """What it says, until it has ended; then nothing of it is left, no zombie either."""
        with self._child:
            for line in self._child.stdout or ():
                record = _record(line)
                if record is None:
                    self._last_words = line.decode("utf-8", "replace").strip()[:200] or self._last_words
                else:
                    yield record
            self.end()
        self._killer.cancel()

    def end(self) -> None:
        """Ask it to end; `records` goes on until it has. Twice is safe."""
        with self._turn:
            if self._ending:
                return
            self._ending = True
            self._killer.start()
            with suppress(OSError):
                if self._child.stdin:
                    self._child.stdin.close()

    def kill(self) -> None:
        """End it without waiting for the requests that are on their way."""
        self._child.kill()

    def epitaph(self) -> str:
        words = self._last_words or "without a word"
        return f"the sampler ended by itself (exit code {self._child.returncode}): {words}"

    def _tell(self, line: str) -> None:
        with suppress(OSError):  # it is dead already, and its output will tell
            if self._child.stdin:
                self._child.stdin.write(line.encode())
                self._child.stdin.flush()


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line, parse_constant=_no_number)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} measures nothing")


def _environment() -> dict[str, str]:
    """The child must find this very package, wherever it was started from."""
    here = str(Path(reconciler.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([here, inherited] if inherited else [here])}
