"""One sampler for each gate of an environment that wants one, aimed at the newcomer of the window asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import GateSpec, Window
from reconciler.drivers.protocols import Road, Sample, Samples
from reconciler.drivers.registry import driver
from reconciler.errors import ReconcilerError
from reconciler.measure.sampler import Sampler

Roads = Callable[[], Mapping[str, Road]]


class Samplers:
    """A gate's driver that has a `plan(settings, roads, newcomer)` gets a sampler; it runs while it is asked."""

    def __init__(
        self,
        gates: Iterable[GateSpec],
        roads: Roads,
        *,
        alarm: Callable[[], None] | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        def on_bad(_: Sample) -> None:
            if alarm is not None:
                alarm()

        self._aimed = {
            gate.name: Aimed(module, gate.settings, roads, Sampler(on_bad, clock=clock))
            for gate in gates
            if hasattr(module := driver("gates", gate.kind), "plan")
        }

    def of(self, gate: str) -> Samples:
        """For `GateContext.samples`. Raises KeyError for a gate that wants none."""
        return self._aimed[gate]

    def close(self) -> None:
        for aimed in self._aimed.values():
            aimed.sampler.close()


class Aimed:
    """A sampler that sends what the gate's settings ask for, to the newcomer of the latest window."""

    def __init__(self, module: ModuleType, settings: str, roads: Roads, sampler: Sampler) -> None:
        self._plan: Any = module.plan
        self._settings = module.Settings.model_validate_json(settings)
        self._roads, self.sampler = roads, sampler
        self._lost = ""

    def since(self, window: Window) -> Sequence[Sample]:
        try:
            self.sampler.aim(self._plan(self._settings, self._roads(), window.newcomer.slot))
            self._lost = ""
        except ReconcilerError as error:
            self._lost = f"the way to the slots is not known: {error}"
        return self.sampler.since(window)

    def problem(self) -> str:
        return self._lost or self.sampler.problem()
