"""Watched time: only what was under our eyes counts."""

from __future__ import annotations

from reconciler.loop.stopwatch import LONGEST, Stopwatch


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> str:
        return ""


def test_time_between_looks_adds_up_until_an_entry_takes_it() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    clock.now += 1.0
    watch.look()
    clock.now += 2.0
    assert watch.look() == 3.0
    assert watch.restart() == 3.0
    assert watch.elapsed == 0.0


def test_a_long_gap_was_not_watched() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    clock.now += 3600.0
    assert watch.look() == LONGEST


def test_time_in_which_the_gateway_could_not_be_seen_does_not_count() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    clock.now += 2.0
    assert watch.look(watching=False) == 0.0
    clock.now += 1.0
    assert watch.look() == 1.0


def test_what_went_by_before_we_took_over_is_not_ours_to_count() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    clock.now += 4.0
    watch.look()
    clock.now += 4.0
    watch.begin()
    clock.now += 1.0
    assert watch.look() == 1.0
