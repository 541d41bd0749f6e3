"""Noticing that a folder changed, within milliseconds where the file system tells, within the poll's interval anywhere.

Only a hint: whoever is called looks for himself. Network file systems raise no events, so the poll always runs beside.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from watchfiles import watch

log = logging.getLogger("reconciler.watch")

_DEBOUNCE, _STEP = 5, 2  # milliseconds: little delay for about two percent of a core


class Watch:
    """Calls back when something under `paths` changed, and every `interval` seconds. A missing folder may come later.
    `callback` must be quick; it is called from two threads. What it raises is logged, and it is called again."""

    def __init__(self, paths: Iterable[Path], callback: Callable[[], None], interval: float = 1.0) -> None:
        self._paths = tuple(paths)
        self._callback = callback
        self._interval = interval
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.problem = ""  # why there are no events just now; the poll goes on. Every change of it is logged

    def start(self) -> None:
        """Starting twice is one start."""
        if self._threads:
            return
        self._stop.clear()
        for work, name in ((self._poll, "watch-poll"), (self._listen, "watch-events")):
            thread = threading.Thread(target=work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Returns when both threads have ended; stopping twice is safe."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _poll(self) -> None:
        while not self._stop.wait(self._interval):
            self._ring()

    def _ring(self) -> None:
        """Nothing that the callback raises may end a thread: nobody else would notice a commit."""
        try:
            self._callback()
        except Exception:
            log.exception("looking for news failed; the next look comes within %g s", self._interval)

    def _listen(self) -> None:
        while not self._stop.is_set():
            present = self._present()
            try:
                self._follow(present)
            except (OSError, RuntimeError) as error:  # a folder went, or the machine's limit of watches is reached
                self._found(f"no file events ({type(error).__name__}), only polling every {self._interval:g} s")
            if not present or self.problem:
                self._stop.wait(self._interval)

    def _follow(self, present: dict[Path, tuple[int, int]]) -> None:
        """Call back for every change, until other folders are there than these."""
        if not present:
            return
        changes = watch(
            *present,
            watch_filter=None,  # the default one ignores `.git`
            debounce=_DEBOUNCE,
            step=_STEP,
            stop_event=self._stop,
            rust_timeout=max(int(self._interval * 1000), 1),
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        for change in changes:
            self._found("")
            if change:
                self._ring()
            if self._present() != present:
                return

    def _found(self, problem: str) -> None:
        before, self.problem = self.problem, problem
        if problem and problem != before:
            log.warning("%s", problem)
        elif before and not problem:
            log.info("file events come again")

    def _present(self) -> dict[Path, tuple[int, int]]:
        """The folders that are there, and which ones they are: one made anew under the same name is another one."""
        found = {}
        for path in self._paths:
            try:
                state = path.stat()
            except OSError:
                continue
            found[path] = (state.st_dev, state.st_ino)
        return found
