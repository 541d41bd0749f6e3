"""Gates are asked in rounds, in threads of their own: a slow gate never delays the loop, nor another gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from functools import partial
from threading import Thread

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import GateSpec, Outcome
from reconciler.core.reading import NO_ANSWER, GateReading, Window
from reconciler.drivers.protocols import Gate

SPACING = 0.2  # seconds between two answers of a gate that says nothing about it
TIMEOUT = 60.0  # seconds beyond what the last answer took; most gates give up sooner, this is for one that hangs
PATIENCE = 0.02  # seconds that a look waits for gates that answer at once


@dataclass(frozen=True, slots=True)
class Answer:
    """The latest of a gate, when it came, how long its run took, and how many there were of each kind in its window."""

    reading: GateReading
    at: float  # seconds, monotonic
    took: float  # seconds

    @staticmethod
    def after(before: Answer | None, reading: GateReading, at: float, took: float) -> Answer:
        same = before.reading if before and before.reading.window == reading.window else None
        failures, inconclusives, errors = (same.failures, same.inconclusives, same.errors) if same else (0, 0, 0)
        counted = replace(
            reading,
            failures=failures + (reading.outcome is Outcome.FAILED),
            inconclusives=inconclusives + (reading.outcome is Outcome.INCONCLUSIVE),
            errors=errors + 1 if reading.outcome is Outcome.ERROR else 0,
        )
        return Answer(counted, at, took)


class Rounds:
    """The latest answer of every gate about the present window. One that has not answered yet is Running, and so is
    one whose last answer is too old: a gate that hangs must not live on what it said before. How long the next one may
    take, the last one tells: comparing large folders takes minutes."""

    def __init__(
        self, gates: Mapping[str, Gate], clock: Clock = SYSTEM, alarm: Callable[[], None] | None = None
    ) -> None:
        self._gates, self._clock, self._alarm = gates, clock, alarm
        self._pool = Threads()
        self._running: dict[str, tuple[Window, Future[GateReading]]] = {}
        self._started: dict[str, float] = {}
        self._took: dict[str, float] = {}  # seconds; each gate's own thread writes it before its answer is there
        self._latest: dict[str, Answer] = {}

    @property
    def gates(self) -> Mapping[str, Gate]:
        """By name, as they were opened."""
        return self._gates

    def readings(self, due: tuple[GateSpec, ...], window: Window) -> tuple[GateReading, ...]:
        """Start the rounds that are due and give what is known about `window`. Takes about PATIENCE at most."""
        asked = [gate for gate in due if gate.name in self._gates]
        begun = [gate.name for gate in asked if self._start(gate, window)]
        wait([self._running[gate.name][1] for gate in asked if gate.name in self._running], PATIENCE)
        self._collect()
        for name in begun:
            if name in self._running:
                self._running[name][1].add_done_callback(partial(self._late, name, window))
        return tuple(self._answer(gate, window) for gate in asked)

    def _late(self, name: str, window: Window, future: Future[GateReading]) -> None:
        """An answer that nobody waits for any more, in the gate's thread: if it is news, the loop looks at once."""
        latest = self._latest.get(name)
        # `fair` moves at every look while stable is not well: that is no other question.
        asked = latest and replace(latest.reading.window, fair=window.fair)
        known = latest.reading.outcome if latest and asked == window else None
        if self._alarm and _result(name, window, future).outcome is not known:
            self._alarm()

    def _start(self, gate: GateSpec, window: Window) -> bool:
        name, latest = gate.name, self._latest.get(gate.name)
        fresh = latest is not None and latest.reading.window == window
        recent = self._clock.monotonic() < self._started.get(name, float("-inf")) + (gate.interval or SPACING)
        if name in self._running or (fresh and recent):
            return False
        self._started[name] = self._clock.monotonic()
        self._running[name] = (window, self._pool.submit(partial(self._timed, name), window))
        return True

    def _timed(self, name: str, window: Window) -> GateReading:
        """Where it runs: a look may come long after the answer, because a step of ours lasts."""
        try:
            return self._gates[name].run(window)
        finally:
            self._took[name] = self._clock.monotonic() - self._started[name]

    def _collect(self) -> None:
        for name, (window, future) in list(self._running.items()):
            if future.done():
                del self._running[name]
                reading = _result(name, window, future)
                now = self._clock.monotonic()
                self._latest[name] = Answer.after(self._latest.get(name), reading, now, self._took[name])

    def _answer(self, gate: GateSpec, window: Window) -> GateReading:
        latest = self._latest.get(gate.name)
        if latest is None or latest.reading.window != window:
            return GateReading(gate.name, Outcome.RUNNING, window, reason=NO_ANSWER)
        age = self._clock.monotonic() - latest.at
        if age > (gate.interval or SPACING) + latest.took + TIMEOUT:
            old = f"its last answer ({latest.reading.outcome}) is {age:.0f} s old, and no new one comes"
            return GateReading(gate.name, Outcome.RUNNING, window, reason=old, age=age)
        return replace(latest.reading, age=age)

    def close(self) -> None:
        """Waits for no gate: one that is being asked is closed by its own thread, when its run ends."""
        for name, gate in self._gates.items():
            if name in self._running:
                self._running[name][1].add_done_callback(lambda _, gate=gate: gate.close())  # type: ignore[misc]
            else:
                gate.close()


class Threads:
    """A thread for each run. Nobody waits for it, neither a rollback nor the end of the command, as for a pool's."""

    def submit(self, run: Callable[[Window], GateReading], window: Window) -> Future[GateReading]:
        answer: Future[GateReading] = Future()
        Thread(target=_run, args=(answer, run, window), daemon=True, name="gate").start()
        return answer


def _run(answer: Future[GateReading], run: Callable[[Window], GateReading], window: Window) -> None:
    try:
        answer.set_result(run(window))
    except Exception as error:
        answer.set_exception(error)


def _result(name: str, window: Window, future: Future[GateReading]) -> GateReading:
    error = future.exception()
    if error is not None:  # a gate that breaks its word is a gate that cannot run
        return GateReading(name, Outcome.ERROR, window, reason=f"{type(error).__name__}: {error}")
    return future.result()
