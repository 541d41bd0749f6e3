"""Why a newcomer is bad: what members and gateway say, what the gates say, and time that ran out."""

from __future__ import annotations

from reconciler.core.approving import overdue
from reconciler.core.events import Phase
from reconciler.core.gates import lacking, pending, proof, verdict
from reconciler.core.migrating import answer
from reconciler.core.model import Analysis, HandOver, Outcome, Pause, Slot, Spec
from reconciler.core.reading import MemberStatus, MigrationStatus
from reconciler.core.saving import unsaved, untried
from reconciler.core.situation import IDLE, Situation
from reconciler.core.state import State, Transition

UNREADY_LIMIT = 3.0  # watched seconds that a newcomer with traffic may fail its own readiness
STARTS_LIMIT = 3  # attempts before "it never gets ready" is certain


def failure(s: Situation, t: Transition) -> tuple[str, str] | None:
    """Why the newcomer is bad, as (condition, sentence), or None. The surest signs come first."""
    if t.restarts:
        return _never_ready(s, t, s.having(t.newcomer.slot, MemberStatus.STOPPED)) or _late(s, t)
    data = unsaved(s, t) or untried(s, t) or _unmigrated(s, t)
    return _broken(s, t) or data or _condemned(s, t) or _blind(s, t) or overdue(s, t) or _late(s, t)


def _broken(s: Situation, t: Transition) -> tuple[str, str] | None:
    """What the members and the gateway themselves say, whatever the gates think."""
    slot = t.newcomer.slot
    stopped = s.having(slot, MemberStatus.STOPPED)
    died = stopped if t.rung else []  # without users it is started again
    died += [name for name in sorted(t.handed) if s.status(slot, name) in IDLE]
    if t.refusal:
        return "StepRefused", t.refusal
    if died:
        return "MemberDied", f"{died[0]} in {slot}: {s.reading(slot, died[0]).detail or 'it has ended'}"
    if s.gateway and s.gateway.ejected[slot] and t.rung:
        return "NewcomerEjected", f"the gateway cannot connect to {t.newcomer}"
    lying = s.misfits(t.newcomer) if t.rung or s.state.started[slot] == t.newcomer.version else []
    if lying:
        return "VersionMismatch", f"{lying[0]} reports {s.reading(slot, lying[0]).version}, not {t.newcomer.version}"
    return _never_ready(s, t, stopped + s.standing(slot, MemberStatus.STOPPED))


def _never_ready(s: Situation, t: Transition, stopped: list[str]) -> tuple[str, str] | None:
    """Started again and again, in this step of the strategy, and ended each time."""
    slot, attempts = t.newcomer.slot, STARTS_LIMIT
    if isinstance(t.step, HandOver):
        stopped = [name for name in t.step.members if s.status(slot, name) is MemberStatus.STOPPED]
        attempts = STARTS_LIMIT * len(t.step.members)
    if not stopped or t.starts < attempts:
        return None
    detail = s.reading(slot, stopped[0]).detail
    return "NeverReady", f"{stopped[0]} in {slot} ended each time it was started: {detail}"


def _unmigrated(s: Situation, t: Transition) -> tuple[str, str] | None:
    found = answer(s, t)
    failed = found is not None and pending(t) and found.status is MigrationStatus.FAILED
    return ("MigrationFailed", found.detail) if found and failed else None


def stable_fails(s: Situation, t: Transition) -> bool:
    """Stable itself has died, and is being started again: what users meet now may be its doing. One that does not work
    with the data is no measure of anybody."""
    return not t.one_way and bool(s.having(t.stable.slot, MemberStatus.STOPPED))


def both_died(s: Situation) -> bool:
    """Newcomer and stable ended together, as when the machine did: that says nothing about the newcomer."""
    return all(len(s.having(slot, MemberStatus.STOPPED)) == len(s.readings(slot)) for slot in Slot)


def _condemned(s: Situation, t: Transition) -> tuple[str, str] | None:
    """What the gates say, and readiness lost for longer than a hiccup."""
    found = verdict(s.spec, t, s.observed.gates)
    started = t.rung or pending(t) or s.runs(t.newcomer)  # else it is only being started
    if found.outcome is Outcome.FAILED and started and not stable_fails(s, t):
        return "AnalysisFailed", found.reason
    if t.unready_since is not None and s.now >= t.unready_since + UNREADY_LIMIT and not s.runs(t.newcomer):
        unready = s.having(t.newcomer.slot, MemberStatus.UNREADY)
        detail = f": {s.reading(t.newcomer.slot, unready[0]).detail}" if unready else ""
        return "NewcomerUnready", f"{t.newcomer} is not ready since {UNREADY_LIMIT:g} s{detail}"
    return None


def _blind(s: Situation, t: Transition) -> tuple[str, str] | None:
    """The time for an analysis is over, and a gate that must have data has none."""
    step = t.step
    if not isinstance(step, Analysis) or s.state.halted or t.at_data or s.now < t.since + step.at_most:
        return None
    missing = lacking(s.spec, t, s.observed.gates)
    return ("NoData", missing) if missing else None


def _late(s: Situation, t: Transition) -> tuple[str, str] | None:
    """The progress deadline, in watched time without pauses; after the soak it applies to the last verdict. While data
    are saved or migrated there is none, however short it was made meanwhile."""
    deadline = s.spec.progress_deadline
    if t.at_data:
        return None
    if t.phase is Phase.SOAKING:
        late = not (s.state.paused or t.asking) and s.now >= t.since + s.spec.soak + t.waited + deadline
    else:
        counting = not (s.state.halted or t.asking or isinstance(t.step, Pause))
        late = t.spent + (s.now - s.state.watched if counting else 0.0) >= deadline
    if not late:
        return None
    return "ProgressDeadlineExceeded", f"not done within {deadline:g} s of progress time{_missing(s, t)}"


def timers(spec: Spec, state: State) -> tuple[float, ...]:
    """Watched seconds at which time alone may condemn the newcomer, for whoever would rather not look before; the
    deadline may turn out to be later."""
    t = state.transition
    if t is None:
        return ()
    if t.phase is Phase.SOAKING:
        deadline = t.since + spec.soak + t.waited + spec.progress_deadline
    else:
        deadline = state.watched - t.spent + spec.progress_deadline
    return (deadline,) if t.unready_since is None else (deadline, t.unready_since + UNREADY_LIMIT)


def _missing(s: Situation, t: Transition) -> str:
    """What was waited for when the time was over."""
    slot = t.newcomer.slot
    for name, reading in s.readings(slot).items():
        if reading.status is not MemberStatus.READY:
            return f"; {name} in {slot}: {reading.detail or reading.status}"
    found = proof(s.spec, t, s.observed.gates)
    return "" if found.good else f"; {found.reason}"
