"""Rounds: gates are asked beside the loop, and only an answer about the present window counts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from reconciler.core.model import GateSpec, Mode, Outcome, Release, Slot, Stage
from reconciler.core.reading import GateReading, Window
from reconciler.measure.rounds import Rounds

WINDOW = Window("t1", Release(Slot.GREEN, "2"), Release(Slot.BLUE, "1"), 10, 5.0)
NEXT = Window("t1", Release(Slot.GREEN, "2"), Release(Slot.BLUE, "1"), 50, 9.0)
SPEC = GateSpec("g", "http", Stage.SHIFT, Mode.ENFORCE)


class Answering:
    """A gate that says what it is told, once it is let."""

    def __init__(self, outcome: Outcome = Outcome.SUCCESSFUL) -> None:
        self.outcome, self.let, self.closed = outcome, threading.Event(), False
        self.runs = SimpleQueue[threading.Thread]()

    def asked(self) -> threading.Thread:
        """Its next run, once that has begun: the thread in which it is asked."""
        return self.runs.get(timeout=30)

    def run(self, window: Window) -> GateReading:
        self.runs.put(threading.current_thread())
        assert self.let.wait(30)
        return GateReading("g", self.outcome, window)

    def close(self) -> None:
        self.closed = True


class Broken(Answering):
    def run(self, window: Window) -> GateReading:
        raise RuntimeError("a defect")


@pytest.fixture
def gate() -> Iterator[Answering]:
    found = Answering()
    yield found
    found.let.set()


@pytest.fixture
def rounds(gate: Answering) -> Iterator[Rounds]:
    found = Rounds({"g": gate})
    yield found
    gate.let.set()
    found.close()


def settled(rounds: Rounds, window: Window) -> GateReading:
    for _ in range(2000):
        (found,) = rounds.readings((SPEC,), window)
        if found.outcome is not Outcome.RUNNING:
            return found
    raise AssertionError("no answer")


def test_a_gate_that_has_not_answered_is_running_and_never_successful(rounds: Rounds) -> None:
    (found,) = rounds.readings((SPEC,), WINDOW)
    assert found.outcome is Outcome.RUNNING
    assert found.window == WINDOW


def test_an_answer_about_an_earlier_window_does_not_count_for_the_present_one(rounds: Rounds, gate: Answering) -> None:
    gate.let.set()
    assert settled(rounds, WINDOW).outcome is Outcome.SUCCESSFUL
    gate.let.clear()
    (found,) = rounds.readings((SPEC,), NEXT)
    assert found.outcome is Outcome.RUNNING, "good news about 10 % is no news about 50 %"


def test_a_slow_gate_is_not_asked_twice_at_once(rounds: Rounds, gate: Answering) -> None:
    for _ in range(3):
        rounds.readings((SPEC,), WINDOW)
    gate.asked()
    assert gate.runs.empty()


class Hours:
    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.mark.parametrize(("takes", "good_for"), [(0.0, 120.0), (150.0, 270.0)])
def test_an_answer_is_good_until_the_next_one_is_overdue_however_long_a_run_takes(
    gate: Answering, takes: float, good_for: float
) -> None:
    """A comparison of 150 s that is asked every minute is asked again as soon as it is done, and answers in between."""
    clock, slow = Hours(), replace(SPEC, interval=60.0)
    rounds = Rounds({"g": gate}, clock)  # type: ignore[arg-type]
    rounds.readings((slow,), WINDOW)
    clock.seconds = takes
    answered(gate)
    rounds.readings((slow,), WINDOW)
    clock.seconds = takes + good_for
    (found,) = rounds.readings((slow,), WINDOW)
    assert gate.asked().is_alive(), "it is being asked again"
    assert found.outcome is Outcome.SUCCESSFUL
    clock.seconds += 1.0
    (found,) = rounds.readings((slow,), WINDOW)
    assert found.outcome is Outcome.RUNNING, "one that hangs must not live on what it said before"
    assert f"is {good_for + 1:.0f} s old, and no new one comes" in found.reason
    rounds.close()


def test_a_step_of_ours_that_lasts_longer_than_the_run_gives_its_answer_no_longer_life(gate: Answering) -> None:
    """A gate has answered after one second, while the loop was busy until the 45th; when it is asked again it hangs."""
    clock, spec = Hours(), replace(SPEC, interval=30.0)
    rounds = Rounds({"g": gate}, clock)  # type: ignore[arg-type]
    rounds.readings((spec,), WINDOW)
    clock.seconds = 1.0
    answered(gate)
    clock.seconds = 45.0
    rounds.readings((spec,), WINDOW)
    clock.seconds = 45.0 + 30.0 + 1.0 + 60.0
    (found,) = rounds.readings((spec,), WINDOW)
    assert gate.asked().is_alive(), "it is being asked again"
    assert found.outcome is Outcome.SUCCESSFUL
    clock.seconds += 1.0
    (found,) = rounds.readings((spec,), WINDOW)
    assert found.outcome is Outcome.RUNNING
    rounds.close()


def test_a_gate_that_raises_is_an_error_with_its_reason() -> None:
    rounds = Rounds({"g": Broken()})
    found = settled(rounds, WINDOW)
    rounds.close()
    assert found.outcome is Outcome.ERROR
    assert "a defect" in found.reason


def test_closing_closes_every_gate(gate: Answering) -> None:
    rounds = Rounds({"g": gate})
    rounds.close()
    assert gate.closed


def test_closing_waits_for_no_gate_that_is_being_asked_and_closes_it_when_it_answers(
    rounds: Rounds, gate: Answering
) -> None:
    rounds.readings((SPEC,), WINDOW)
    rounds.close()
    assert not gate.closed
    asking = gate.asked()
    assert asking.daemon, "not even the end of the command waits for it"
    gate.let.set()
    asking.join(30)
    assert gate.closed


# ---- an answer that comes between two looks --------------------------------------------------------------------------


class Bell:
    def __init__(self) -> None:
        self.rung, self.rings = threading.Event(), 0

    def __call__(self) -> None:
        self.rings += 1
        self.rung.set()


def answered(gate: Answering) -> None:
    """Let it answer what it is asked just now, and wait until its thread has ended, bell and all."""
    asking = gate.asked()
    gate.let.set()
    asking.join(30)
    gate.let.clear()


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def watched(gate: Answering, bell: Bell) -> Iterator[Rounds]:
    """On a clock where the next round is due at once."""
    ticks = iter(range(1_000_000))
    clock = SimpleNamespace(monotonic=lambda: float(next(ticks)))
    found = Rounds({"g": gate}, clock, bell)  # type: ignore[arg-type]
    yield found
    gate.let.set()
    found.close()


def test_the_loop_is_woken_by_an_answer_that_is_news_and_by_no_other(
    watched: Rounds, gate: Answering, bell: Bell
) -> None:
    rings = []
    for outcome in (Outcome.SUCCESSFUL, Outcome.SUCCESSFUL, Outcome.FAILED, Outcome.FAILED):
        gate.outcome = outcome
        watched.readings((SPEC,), WINDOW)
        answered(gate)
        rings.append(bell.rings)
        assert watched.readings((), WINDOW) == ()  # collects it, and asks nothing
    assert rings == [1, 1, 2, 2], "else gates would keep the loop busy"
    watched.readings((SPEC,), NEXT)
    answered(gate)
    assert bell.rings == 3, "the same about another window is news"


def test_the_same_answer_is_no_news_while_the_window_moves_because_stable_is_not_well(
    watched: Rounds, gate: Answering, bell: Bell
) -> None:
    for second in range(3):
        watched.readings((SPEC,), replace(WINDOW, fair=float(second)))
        answered(gate)
        watched.readings((), WINDOW)
    assert bell.rings == 1
