"""Ctrl-C and SIGTERM: the first asks to end after what is being done, the second ends at once, as a crash would."""

from __future__ import annotations

import signal
import threading
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM)
LOOK = 0.5  # seconds


def ends_after_this(stop: threading.Event) -> None:
    """Let the first signal set `stop`. To be called in the main thread."""

    def first(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        for number in NUMBERS:
            signal.signal(number, signal.SIG_DFL)

    for number in NUMBERS:
        signal.signal(number, first)


def wait_for(stop: threading.Event) -> None:
    """Until `stop` is set, also by a signal that wakes nobody: Windows interrupts no wait without an end, and elsewhere
    a signal may reach another thread than the main one. Its handler runs as soon as the main thread looks up."""
    while not stop.wait(LOOK):
        pass
