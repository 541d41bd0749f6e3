"""Gates are asked in rounds, in threads of their own: a slow gate never delays the loop, nor another gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from threading import Thread

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import GateReading, GateSpec, Outcome, Window
from reconciler.drivers.protocols import Gate

SPACING = 0.2  # seconds between two rounds of one gate
PATIENCE = 0.02  # seconds that a look waits for gates that answer at once


class Rounds:
    """The latest answer of every gate about the present window. One that has not answered yet is Running."""

    def __init__(self, gates: Mapping[str, Gate], clock: Clock = SYSTEM) -> None:
        self._gates, self._clock = gates, clock
        self._pool = Threads()
        self._running: dict[str, tuple[Window, Future[GateReading]]] = {}
        self._started: dict[str, float] = {}
        self._latest: dict[str, GateReading] = {}

    def readings(self, due: tuple[GateSpec, ...], window: Window) -> tuple[GateReading, ...]:
        """Start the rounds that are due and give what is known about `window`. Takes about PATIENCE at most."""
        names = [gate.name for gate in due if gate.name in self._gates]
        for name in names:
            self._start(name, window)
        wait([self._running[name][1] for name in names if name in self._running], PATIENCE)
        self._collect()
        return tuple(self._answer(name, window) for name in names)

    def _start(self, name: str, window: Window) -> None:
        latest = self._latest.get(name)
        fresh = latest is not None and latest.window == window
        recent = self._clock.monotonic() < self._started.get(name, float("-inf")) + SPACING
        if name in self._running or (fresh and recent):
            return
        self._started[name] = self._clock.monotonic()
        self._running[name] = (window, self._pool.submit(self._gates[name].run, window))

    def _collect(self) -> None:
        for name, (window, future) in list(self._running.items()):
            if future.done():
                del self._running[name]
                self._latest[name] = _result(name, window, future)

    def _answer(self, name: str, window: Window) -> GateReading:
        latest = self._latest.get(name)
        if latest is not None and latest.window == window:
            return latest
        return GateReading(name, Outcome.RUNNING, window, reason="no answer about this window yet")

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
