"""The first signal asks to end, whatever the main thread is in the midst of."""

from __future__ import annotations

import signal
import threading

from reconciler.cli.interrupt import NUMBERS, ends_after_this


def test_a_signal_in_the_midst_of_a_wait_for_the_same_event_is_heard() -> None:
    stop, before = threading.Event(), {number: signal.getsignal(number) for number in NUMBERS}
    try:
        ends_after_this(stop)
        with stop._cond:  # type: ignore[attr-defined]  # as `wait` has it for a moment, each time it begins and ends
            signal.raise_signal(signal.SIGTERM)
        assert stop.wait(30)
        assert [signal.getsignal(number) for number in NUMBERS] == [signal.SIG_DFL] * len(NUMBERS), "the second ends us"
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
