"""What users got in each slot, from look to look, folded by every gate that weighs it.

A gate keeps nothing; the evidence that a version is bad accumulates over its whole transition, so it is kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from reconciler.core.model import GateSpec
from reconciler.core.reading import GatewayReading, Window
from reconciler.drivers.protocols import Evidence
from reconciler.drivers.registry import driver
from reconciler.measure.counters import between


class Ledger:
    """The evidence of every gate whose driver has a `begin(settings)`, folded from its first question on."""

    def __init__(self, gates: Iterable[GateSpec]) -> None:
        modules = {gate.name: (driver("gates", gate.kind), gate.settings) for gate in gates}
        self._begin = {name: _beginning(*one) for name, one in modules.items() if hasattr(one[0], "begin")}
        self._turn = Lock()
        self._open: dict[str, tuple[Window, Evidence]] = {}

    def note(self, previous: GatewayReading | None, current: GatewayReading | None) -> None:
        """A look at the gateway. Counters that are missing, or were reset in between, tell nothing: never zero."""
        counted = between(previous, current)
        with self._turn:
            for name, (window, evidence) in self._open.items():
                newcomer, stable = counted[window.newcomer.slot], counted[window.stable.slot]
                told = evidence.seen(newcomer, stable) if newcomer and stable else evidence.unseen()
                self._open[name] = window, told

    def of(self, gate: str) -> Callable[[Window], Evidence]:
        """For `GateContext.evidence`. Raises KeyError for a gate that weighs none."""
        begin = self._begin[gate]

        def evidence(window: Window) -> Evidence:
            with self._turn:
                told = _continued(self._open.get(gate), window) or begin()
                self._open[gate] = window, told
                return told

        return evidence


def _beginning(module: Any, settings: str) -> Callable[[], Evidence]:
    read = module.Settings.model_validate_json(settings)
    return lambda: module.begin(read)


def _continued(before: tuple[Window, Evidence] | None, window: Window) -> Evidence | None:
    """A rise keeps what was seen to be wrong. A window that opens anew at the same weight, or a lower one, does so
    because what was seen before is not to be held against the newcomer (the gateway was down, ...)."""
    if before is None:
        return None
    last, told = before
    if (last.transition, last.newcomer, last.fair) != (window.transition, window.newcomer, window.fair):
        return None
    if last == window:
        return told
    return told.risen() if last.rung < window.rung else None
