"""Ctrl-C and SIGTERM: the first asks to end after what is being done, the second ends at once, as a crash would. SIGHUP
without a terminal is somebody who has moved log files."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM)
LOOK = 0.5  # seconds


def ends_after_this(stop: threading.Event) -> None:
    """Let the first signal set `stop`. To be called in the main thread.

    Another thread does it: a handler runs in the midst of whatever the main thread does, which may be waiting for this
    very event with the event's lock in hand. A `SimpleQueue` may be written to from anywhere."""
    heard: SimpleQueue[int] = SimpleQueue()

    def first(number: int, _frame: FrameType | None) -> None:
        heard.put(number)
        for each in NUMBERS:
            signal.signal(each, signal.SIG_DFL)

    def hand_over() -> None:
        heard.get()
        stop.set()

    threading.Thread(target=hand_over, name="signals", daemon=True).start()
    for number in NUMBERS:
        signal.signal(number, first)


def survives_hang_up() -> None:
    """Where there is a terminal, its end is ours. Elsewhere SIGHUP comes from whoever has moved log files away, and
    nothing is to be done: they are opened anew for every batch. To be called in the main thread."""
    number = getattr(signal, "SIGHUP", None)  # not on Windows
    if number is not None and signal.getsignal(number) is signal.SIG_DFL and not _terminal():
        signal.signal(number, lambda _number, _frame: None)  # not SIG_IGN, which whatever we start would inherit


def _terminal() -> bool:
    """Is there one whose end would be told to us?"""
    if sys.platform == "win32":
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def wait_for(stop: threading.Event, asked: Callable[[], bool] = lambda: False) -> None:
    """Until `stop` is set, or somebody without a console has asked for the same; also by a signal that wakes nobody:
    Windows interrupts no wait without an end, and elsewhere a signal may reach another thread than the main one. Its
    handler runs as soon as the main thread looks up."""
    while not stop.wait(LOOK) and not asked():
        pass
