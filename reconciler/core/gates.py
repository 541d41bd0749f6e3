"""From gate readings to one verdict. Only Successful advances; nothing, late, or broken is never success."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.core.events import Phase
from reconciler.core.model import GateSpec, Mode, Outcome, SetWeight, Spec, Stage
from reconciler.core.reading import GateReading
from reconciler.core.state import Transition

EARLY = 5.0  # seconds: for so long every window has too little to show; after that it is worth a word
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
    exhausted: bool = False  # more of the same would not help: a person is asked
    gate: str = ""  # whose word it is; empty: of all of them

    @property
    def good(self) -> bool:
        return self.outcome is Outcome.SUCCESSFUL


def stage(transition: Transition) -> Stage:
    """Where a transition stands: nothing shifted yet, shifting, nobody owning, or every step done."""
    if transition.cursor >= len(transition.steps):
        return Stage.POSTFLIGHT
    if transition.let_go:
        return Stage.HAND_OVER
    climbing = any(isinstance(step, SetWeight) for step in transition.steps[: transition.cursor])
    return Stage.SHIFT if climbing or transition.rung else Stage.PREFLIGHT


def pending(transition: Transition) -> bool:
    """The newcomer's data is still to be migrated."""
    return transition.migrates and not transition.migrated


def due(spec: Spec, transition: Transition) -> tuple[GateSpec, ...]:
    """The gates to be read now: those of this stage, and again those of every stage before it. Two kinds are about one
    time only and are not asked again: those before the migration, and those of a hand-over, while nobody owns and it is
    not proved yet: whoever is made owner then begins to work, and what they ask is not so any more."""
    if transition.phase is Phase.ROLLING_BACK:
        return ()
    reached = _reached(transition)
    return tuple(gate for gate in spec.gates if gate.stage in reached and not _proved(transition, gate))


def _proved(transition: Transition, gate: GateSpec) -> bool:
    """One that is only observed is waited for by nobody, so it is asked as long as there is time."""
    return gate.stage is Stage.HAND_OVER and gate.stage in transition.passed and gate.mode is Mode.ENFORCE


def _reached(transition: Transition) -> set[Stage]:
    before = {Stage.MIGRATE} if pending(transition) and Stage.MIGRATE not in transition.passed else set()
    if not _judged(transition):
        return before
    here, order = stage(transition), list(Stage)
    return {*before, here, *(set(order[: order.index(here)]) - {Stage.MIGRATE, Stage.HAND_OVER})}


def _judged(transition: Transition) -> bool:
    """The newcomer itself is: it has users, or it is up on data that were made for it."""
    return transition.rung > 0 or (transition.up and not pending(transition))


def verdict(spec: Spec, transition: Transition, readings: tuple[GateReading, ...], told: str = "") -> Verdict:
    """One outcome for the present window. A reading about another window, version or rung does not count. Of gates that
    are equally bad it is the word of the first, or of `told`, the one that people were told of last."""
    current = {reading.name: reading for reading in readings if reading.window == transition.window}
    if not (transition.up or transition.rung or pending(transition)):
        return Verdict(Outcome.PENDING, f"{transition.newcomer} is not up yet")
    asked = due(spec, transition)
    enforced = sorted((gate for gate in asked if gate.mode is Mode.ENFORCE), key=lambda gate: gate.name != told)
    worst = Verdict(Outcome.SUCCESSFUL, evidence(tuple(current[gate.name] for gate in asked if gate.name in current)))
    for gate in enforced:
        said = judged(gate, current.get(gate.name))
        if _rank(said) < _rank(worst):
            worst = replace(said, gate=gate.name)
    return worst


def proof(spec: Spec, transition: Transition, readings: tuple[GateReading, ...], told: str = "") -> Verdict:
    """What the present stage waits for. While nobody owns, the gates of the hand-over alone: all others were good when
    it began, and their new evidence would take time in which no work is done. One that fails leads back all the same.
    """
    if stage(transition) is Stage.HAND_OVER:
        spec = replace(spec, gates=tuple(gate for gate in spec.gates if gate.stage is Stage.HAND_OVER))
    return verdict(spec, transition, readings, told)


def _rank(said: Verdict) -> tuple[bool, int]:
    """A failure comes first, then what asks for a person."""
    failed = said.outcome is Outcome.FAILED
    return not failed and not said.exhausted, SEVERITY.index(said.outcome)


def judged(gate: GateSpec, found: GateReading | None) -> Verdict:
    """What one gate's answer is worth under its limits. Nothing here ever makes an answer better than it is."""
    if found is None:
        return Verdict(Outcome.PENDING, f"{gate.name}: not yet read")
    said, limits = sentence(found), gate.limits
    match found.outcome:
        case Outcome.FAILED if limits.failures and found.failures <= limits.failures:
            return Verdict(Outcome.RUNNING, f"{said}; failure {found.failures}, {limits.failures} tolerated")
        case Outcome.FAILED if not limits.critical:
            return Verdict(Outcome.INCONCLUSIVE, f"{said}; it is not critical, so nothing goes back", exhausted=True)
        case Outcome.INCONCLUSIVE if limits.inconclusives is not None and found.inconclusives > limits.inconclusives:
            text = f"{said}; Inconclusive {found.inconclusives} times, {limits.inconclusives} tolerated"
            return Verdict(Outcome.FAILED, text) if limits.must_have_data else Verdict(found.outcome, text, True)
        case Outcome.ERROR if limits.errors is not None and found.errors > limits.errors:
            text = f"{said}; Error {found.errors} times in a row, {limits.errors} tolerated"
            return Verdict(found.outcome, text, exhausted=True)
    return Verdict(found.outcome, said)


def confident(spec: Spec, transition: Transition, readings: tuple[GateReading, ...]) -> bool:
    """Every enforced gate that weighs evidence has enough of it, in this window; at least one does."""
    enforced = {gate.name for gate in due(spec, transition) if gate.mode is Mode.ENFORCE}
    current = [found for found in readings if found.window == transition.window and found.name in enforced]
    told = [found.confident for found in current if found.confident is not None]
    return bool(told) and all(told)


def lacking(spec: Spec, transition: Transition, readings: tuple[GateReading, ...]) -> str:
    """The gate that must have data and has none in this window; empty when there is none."""
    current = {found.name: found for found in readings if found.window == transition.window}
    for gate in due(spec, transition):
        found = current.get(gate.name)
        if gate.limits.must_have_data and gate.mode is Mode.ENFORCE and _without_data(found):
            return f"{sentence(found) if found else gate.name + ': not read'}; it must have data"
    return ""


def alerts(transition: Transition, readings: tuple[GateReading, ...]) -> str:
    """What gates want somebody to look at, in this window; empty when there is nothing."""
    return "; ".join(f"{one.name}: {one.alert}" for one in readings if one.alert and one.window == transition.window)


def _without_data(found: GateReading | None) -> bool:
    return found is None or found.outcome in (Outcome.INCONCLUSIVE, Outcome.PENDING, Outcome.RUNNING)


def sentence(found: GateReading) -> str:
    """A gate's answer in words, e.g. `search: 3 errors of 40 (limit 0)`."""
    limit = f" (limit {found.limit})" if found.limit else ""
    shown = found.reason or f"{found.outcome} {found.value}".strip()
    return f"{found.name}: {shown}{limit}"


def evidence(readings: tuple[GateReading, ...]) -> str:
    return "; ".join(f"{found.name} {found.outcome}" for found in readings)
