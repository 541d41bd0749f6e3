"""One sampler for each gate of an environment that wants one, aimed at the newcomer of the window asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import GateSpec
from reconciler.core.reading import Window
from reconciler.drivers.protocols import Road, Sample, Session
from reconciler.drivers.registry import driver
from reconciler.errors import ReconcilerError
from reconciler.measure.sampler import IDLE, Sampler, Tape

Roads = Callable[[], Mapping[str, Road]]


class Samplers:
    """A gate's driver that has a `plan(settings, roads, begun)` gets a sampler. It runs from when it is first asked
    until the transition has ended."""

    def __init__(
        self,
        gates: Iterable[GateSpec],
        roads: Roads,
        *,
        alarm: Callable[[], None] | None = None,
        clock: Clock = SYSTEM,
        earlier: Mapping[str, Aimed] | None = None,
        tape: Tape | None = None,
    ) -> None:
        """`earlier`: what `untouched` gave; it goes on."""

        def on_bad(_: Sample) -> None:
            if alarm is not None:
                alarm()

        self._aimed = dict(earlier or {})
        for gate in gates:
            if gate.name not in self._aimed and hasattr(module := driver("gates", gate.kind), "plan"):
                sampler = Sampler(on_bad, tape=tape, gate=gate.name, idle=_idle(gate), clock=clock)
                self._aimed[gate.name] = Aimed(module, gate, sampler)
        for aimed in self._aimed.values():
            aimed.roads = roads

    def of(self, gate: str) -> Aimed:
        """For `GateContext.samples` and `.sessions`. Raises KeyError for a gate that wants none."""
        return self._aimed[gate]

    def untouched(self, gates: Iterable[GateSpec]) -> Mapping[str, Aimed]:
        """Those of gates that are still the same; they are not ours any more. A commit in mid-transition that changes
        something else must not end the sessions that are used through it."""
        same = {gate.name for gate in gates if gate.name in self._aimed and self._aimed[gate.name].gate == gate}
        return {name: self._aimed.pop(name) for name in same}

    def keep(self, *, under_way: bool) -> None:
        """See `Sampler.keep`."""
        for aimed in self._aimed.values():
            aimed.sampler.keep(under_way=under_way)

    def close(self) -> None:
        for aimed in self._aimed.values():
            aimed.sampler.close()


def _idle(gate: GateSpec) -> float:
    """A gate that is asked seldom must not find that what it asks about has ended since."""
    return IDLE + (gate.interval or 0.0)


class Aimed:
    """A sampler that sends what the gate's settings ask for, to the newcomer of the latest window. `plan` is given the
    window in which that began: the first one of a transition, and anew as long as the newcomer has no weight and what
    was seen before is not fair."""

    roads: Roads

    def __init__(self, module: ModuleType, gate: GateSpec, sampler: Sampler) -> None:
        self._plan: Any = module.plan
        self._settings = module.Settings.model_validate_json(gate.settings)
        self.gate, self.sampler = gate, sampler
        self._begun: Window | None = None
        self._lost = ""

    def since(self, window: Window) -> Sequence[Sample]:
        self._aim(window)
        return self.sampler.since(window)

    def sessions(self, window: Window) -> Sequence[Session]:
        self._aim(window)
        return self.sampler.sessions(window)

    def problem(self) -> str:
        return self._lost or self.sampler.problem()

    def _aim(self, window: Window) -> None:
        if self._begun is None or _begins(window, self._begun):
            self._begun = window
        try:
            self.sampler.aim(self._plan(self._settings, self.roads(), self._begun))
            self._lost = ""
        except ReconcilerError as error:
            self._lost = f"the way to the slots is not known: {error}"


def _begins(window: Window, begun: Window) -> bool:
    if (window.transition, window.newcomer) != (begun.transition, begun.newcomer):
        return True
    return window.rung == 0 and window.fair != begun.fair
