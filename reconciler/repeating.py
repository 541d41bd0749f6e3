"""A thread that repeats one step for as long as the process works, and that nothing else waits for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("reconciler.threads")

DEFECT = 60.0  # seconds until a thread that met a defect of ours goes on


def nothing() -> float:
    """The last step of whoever has none."""
    return 0.0


class Repeater:
    """`step` gives the seconds until the next one, 0 for at once; `wake` shortens them. `last` is done once at the end.
    What they raise is a defect: only its type is told, because its text may hold anything."""

    def __init__(self, name: str, step: Callable[[], float], last: Callable[[], float] = nothing) -> None:
        self.name, self._step, self._last = name, step, last
        self._wake, self._stop = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def wake(self) -> None:
        self._wake.set()

    def ask_to_end(self) -> None:
        """After the step that is being done, and the last one."""
        self._stop.set()
        self._wake.set()

    def ended(self, patience: float) -> bool:
        """Waits so many seconds; False: it still works, and is left behind."""
        if self.thread.ident is not None:
            self.thread.join(patience)
        return not self.thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            pause = self._survived(self._step)
            if pause and self._wake.wait(pause):
                self._wake.clear()
        self._survived(self._last)

    def _survived(self, step: Callable[[], float]) -> float:
        try:
            return step()
        except Exception as error:
            log.error("%s: a defect in the reconciler (%s); it goes on later", self.name, type(error).__name__)
            return DEFECT
