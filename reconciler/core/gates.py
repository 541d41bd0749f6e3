"""From gate readings to one verdict. Only Successful advances; nothing, late, or broken is never success."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.model import GateReading, GateSpec, Mode, Outcome, SetWeight, Spec, Stage
from reconciler.core.state import Transition
from reconciler.core.steps import Phase

# The worst first: a verdict is the worst outcome among the gates that are enforced.
SEVERITY = (
    Outcome.FAILED,
    Outcome.ERROR,
    Outcome.INCONCLUSIVE,
    Outcome.RUNNING,
    Outcome.PENDING,
    Outcome.SUCCESSFUL,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    reason: str = ""

    @property
    def good(self) -> bool:
        return self.outcome is Outcome.SUCCESSFUL


def stage(transition: Transition) -> Stage:
    """Where a transition stands: nothing shifted yet, shifting, or every step done."""
    if transition.cursor >= len(transition.steps):
        return Stage.POSTFLIGHT
    climbing = any(isinstance(step, SetWeight) for step in transition.steps[: transition.cursor])
    return Stage.SHIFT if climbing or transition.rung else Stage.PREFLIGHT


def due(spec: Spec, transition: Transition) -> tuple[GateSpec, ...]:
    """The gates to be read now: those of this stage, and again those of every stage before it."""
    if transition.phase is Phase.ROLLING_BACK or not (transition.up or transition.rung):
        return ()
    reached = list(Stage).index(stage(transition))
    return tuple(gate for gate in spec.gates if list(Stage).index(gate.stage) <= reached)


def verdict(spec: Spec, transition: Transition, readings: tuple[GateReading, ...]) -> Verdict:
    """One outcome for the present window. A reading about another window, version or rung does not count."""
    current = {reading.name: reading for reading in readings if reading.window == transition.window}
    if not (transition.up or transition.rung):
        return Verdict(Outcome.PENDING, f"{transition.newcomer} is not up yet")
    enforced = [gate for gate in due(spec, transition) if gate.mode is Mode.ENFORCE]
    worst = Verdict(Outcome.SUCCESSFUL, evidence(tuple(current.values())))
    for gate in enforced:
        found = current.get(gate.name)
        said = (
            Verdict(found.outcome, sentence(found)) if found else Verdict(Outcome.PENDING, f"{gate.name}: not yet read")
        )
        if SEVERITY.index(said.outcome) < SEVERITY.index(worst.outcome):
            worst = said
    return worst


def sentence(found: GateReading) -> str:
    """A gate's answer in words, e.g. `search: 3 errors of 40 (limit 0)`."""
    limit = f" (limit {found.limit})" if found.limit else ""
    shown = found.reason or f"{found.outcome} {found.value}".strip()
    return f"{found.name}: {shown}{limit}"


def evidence(readings: tuple[GateReading, ...]) -> str:
    return "; ".join(f"{found.name} {found.outcome}" for found in readings)
