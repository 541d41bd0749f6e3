"""Finishing packs beside the loop: a process of its own at low priority, because drawing and counting take a processor
that the loop and the gateway need more. `python -m reconciler.evidence.finish JOURNAL-URL FOLDER`."""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.evidence.pack.place import STREAMS, Pack
from reconciler.journal.sqlite import open_journal

log = logging.getLogger("reconciler.evidence")

LOW = 10  # niceness
NOWHERE = subprocess.DEVNULL
APART: dict[str, Any] = {"start_new_session": True}  # the loop's Ctrl-C does not reach it
DEADLINE = 600.0  # seconds for one pack, and beside that for each MiB that was recorded:
EACH = 60.0  # on an idle machine it is three
AGAIN = 60.0, 3600.0  # seconds until what has failed is tried again: first, and at most


class Finisher:
    """One pack after the other; what could not be finished, again and ever more seldom. What is not finished when
    this process ends, the next one finishes."""

    def __init__(self, journal_url: str, apart: Callable[[str, Pack], None] | None = None) -> None:
        """`apart`: finishes one pack, elsewhere; may take its time, and may fail."""
        self._url, self._apart = journal_url, apart or _apart
        self._failed: dict[Pack, tuple[float, str]] = {}  # how long was waited for the next attempt, and why it failed
        self._wanted: queue.Queue[Pack] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def finish(self, pack: Pack) -> None:
        """Soon. Takes no time."""
        self._wanted.put(pack)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="evidence-finish", daemon=True)
                self._thread.start()

    def leave(self) -> None:
        """This process ends: what is still wanted goes on without it."""
        while True:
            try:
                pack = self._wanted.get_nowait()
            except queue.Empty:
                return
            with suppress(OSError):  # then the next process does it
                subprocess.Popen(_command(self._url, pack), stdin=NOWHERE, stdout=NOWHERE, stderr=NOWHERE, **APART)
            self._wanted.task_done()

    def wait(self) -> None:
        """Until everything that was asked for is finished, or has failed."""
        self._wanted.join()

    def _work(self) -> None:
        while True:
            pack = self._wanted.get()
            try:
                self._apart(self._url, pack)
                self._failed.pop(pack, None)
            except Exception as error:
                self._later(pack, str(error))
            finally:
                self._wanted.task_done()

    def _later(self, pack: Pack, why: str) -> None:
        waited, before = self._failed.get(pack, (0.0, ""))
        wait = min(2 * waited, AGAIN[1]) if waited else AGAIN[0]
        self._failed[pack] = wait, why
        if why != before:
            log.error("%s: the evidence could not be finished, and is tried again: %s", pack.folder, why)
        timer = threading.Timer(wait, self.finish, (pack,))
        timer.daemon = True
        timer.start()


def _command(url: str, pack: Pack) -> tuple[str, ...]:
    return sys.executable, "-m", "reconciler.evidence.finish", url, str(pack.folder)


def _apart(url: str, pack: Pack) -> None:
    """In a process of its own. Raises ReconcilerError with its last words, and TimeoutExpired."""
    done = subprocess.run(
        _command(url, pack),
        stdin=NOWHERE,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=deadline(pack),
        check=False,
        **APART,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines()
        raise ReconcilerError(words[-1][:500] if words else f"exit code {done.returncode}")
    log.info("%s: the evidence is complete", pack.folder)


def deadline(pack: Pack) -> float:
    """Seconds that it may take: ten million requests are no reason to begin anew at every start."""
    recorded = 0
    for name in STREAMS:
        with suppress(OSError):
            recorded += pack.file(name).stat().st_size
    return DEADLINE + EACH * recorded / (1 << 20)


def main(url: str, folder: str) -> int:
    from reconciler.evidence.pack.closing import finish  # the loop, and who asks it, need none of the documents

    if sys.platform != "win32":
        with suppress(OSError):
            os.nice(LOW)
    journal = open_journal(url)
    try:
        finish(Pack(Path(folder)), journal)
    except ReconcilerError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        journal.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
