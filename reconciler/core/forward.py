"""Rules of a transition that goes forward: what turns it back, what stops it, its next step."""

from __future__ import annotations

from reconciler.core.events import (
    DriftFound,
    Ended,
    HealthNoted,
    HoldBegan,
    Judged,
    PausedByRule,
    Phase,
    Rebound,
    RollbackBegan,
    SoakBegan,
    StagePassed,
    StepPassed,
)
from reconciler.core.gates import Verdict, alerts, confident, due, proof, stage, verdict
from reconciler.core.handing import hand_over
from reconciler.core.judging import both_died, failure
from reconciler.core.members import nobodys, prepare, shared
from reconciler.core.model import (
    Analysis,
    DriftMode,
    HandOver,
    OnFailure,
    Outcome,
    Pause,
    Release,
    SetWeight,
    Stage,
    Traffic,
    share,
)
from reconciler.core.outcomes import cursor_at, healed
from reconciler.core.reading import NO_ANSWER, MemberStatus
from reconciler.core.situation import Answer, Do, Record, Situation, Wait
from reconciler.core.state import Transition
from reconciler.core.steps import Route

NOTE_AFTER = 1.0  # watched seconds between two notes of what the gates say


def forward(s: Situation) -> Transition | None:
    return s.transition if s.transition and not s.transition.going_back else None


def honour_abort(s: Situation) -> Answer | None:
    """`abort` acts from every state, also from a suspended one."""
    t = forward(s)
    if t is None or not s.state.abort:
        return None
    return Record(RollbackBegan(Phase.ABORTED, "Aborted", s.state.abort, hold=holds(t)))


def supersede(s: Situation) -> Answer | None:
    """Git asks for something else: back to stable in one step first. What had not failed is not held for it."""
    t = forward(s)
    if t is None or s.spec.target == t.newcomer:
        return None
    failed = t.holding_since is not None
    reason = f"git asks for {s.spec.target} instead of {t.newcomer}{'; ' + t.reason if failed else ''}"
    return Record(RollbackBegan(Phase.SUPERSEDED, "Superseded", reason, hold=failed and holds(t)))


def rebind(s: Situation) -> Answer | None:
    """Same newcomer, other policy: same rung, new window, the new steps from there."""
    t = forward(s)
    if t is None or s.spec.digest == t.digest:
        return None
    wanted, made = s.spec.migration, t.noted.migration if t.noted else None
    migrates = t.migrates if t.rung or t.begun else wanted is not None  # what was begun has to be found out about
    anew = t.migrated and not t.rung and wanted not in (None, made)  # under users nothing is migrated any more
    cursor = cursor_at(s.spec.steps, t.rung)
    return Record(Rebound(s.spec.digest, s.state.asked_for(t.newcomer), s.spec.steps, cursor, migrates, anew))


def note_health(s: Situation) -> Answer | None:
    """Journal when a newcomer with traffic stops or starts being ready: a restart of ours must not forget it."""
    t = forward(s)
    if t is None or not t.rung:
        return None
    if t.restarts:
        up = s.runs(t.newcomer) and all(s.status(t.newcomer.slot, name) is MemberStatus.READY for name in t.handed)
        return Record(HealthNoted(True)) if up else None
    unready = s.having(t.newcomer.slot, MemberStatus.UNREADY)
    if unready and t.unready_since is None:
        return Record(HealthNoted(False, s.reading(t.newcomer.slot, unready[0]).detail))
    if t.unready_since is not None and s.runs(t.newcomer):
        return Record(HealthNoted(True))
    return None


def note_verdict(s: Situation) -> Answer | None:
    """Journal what the gates say when it changes: `status` and whoever asks afterwards cannot ask the gates again."""
    t = forward(s)
    if t is None or not due(s.spec, t):
        return None
    found = proof(s.spec, t, s.observed.gates, told=t.sayer)
    flaps = t.judged is not None and s.now < t.judged_at + NOTE_AFTER
    silent = found.outcome is Outcome.PENDING or not found.reason  # nothing said is nothing to note
    return None if silent or flaps or _told(t, found) else Record(Judged(found.outcome, found.reason, found.gate))


def _told(t: Transition, found: Verdict) -> bool:
    """Figures change with every look and are not told anew. That there was no answer yet is over with the first one."""
    if found.outcome is not t.judged:
        return False
    answered = NO_ANSWER in t.said and NO_ANSWER not in found.reason
    return found.good or (found.gate == t.sayer and not answered)


def turn_back(s: Situation) -> Answer | None:
    """Any failure of the newcomer: back to stable, and the version is held. `onFailure: hold` keeps its share first. So
    does a migration that stable does not work with, until a person decides."""
    t = forward(s)
    if t is None:
        return None
    outgrown = s.state.outgrown
    if t.holding_since is not None:
        over = not outgrown and s.now >= t.holding_since + s.spec.hold_timeout
        return Record(RollbackBegan(Phase.ROLLED_BACK, "HoldTimeout", t.reason, hold=holds(t))) if over else None
    failed = failure(s, t)
    if failed is None:
        return None
    condition, reason = failed
    asks = t.rung or s.spec.approvals  # who approves is asked again, with what was found
    if outgrown or (s.spec.on_failure is OnFailure.HOLD and asks):
        return Record(HoldBegan(f"{condition}: {reason}"))
    if both_died(s) and not _tried_before(s, t):
        return Record(RollbackBegan(Phase.ROLLED_BACK, "BothSlotsDied", reason, hold=False))
    return Record(RollbackBegan(Phase.ROLLED_BACK, condition, reason, hold=holds(t)))


def holds(t: Transition) -> bool:
    """A drill's newcomer is stable's own version: that is not held, whatever became of it in the other slot."""
    return t.drill is None


def _tried_before(s: Situation, t: Transition) -> bool:
    """Once may be a power cut; twice in a row is held, so that directions never change without end."""
    last = s.state.last
    return last is not None and last.newcomer == t.newcomer


def drift_under_way(s: Situation) -> Answer | None:
    """Somebody else moved the weights: record it, take the smaller of theirs and ours, never undo a retreat. But nobody
    is left on a stable that does not work with the data (see `outcomes`).

    `warn` pauses first; `resume` then takes the smaller. `disabled` is about rest: here the ladder would be broken.
    """
    t, gateway = forward(s), s.gateway
    if t is None or gateway is None or gateway.weights is None or not gateway.up:
        return None
    ours = share(t.newcomer.slot, t.rung)
    if gateway.weights == ours:
        return None
    warn = s.spec.drift is DriftMode.WARN
    if s.state.drift is None or s.state.drift.found != gateway.weights:
        if warn and not s.state.paused:
            return Record(PausedByRule("the weights were changed by somebody else"))
        return Record(DriftFound(ours, gateway.weights, gateway.admission))
    if warn and s.state.paused:
        return None
    if not s.runs(t.stable) and gateway.weights[t.stable.slot] < ours[t.stable.slot]:
        return Wait("StableDegraded", f"{t.stable} is not ready to take its share back", alert=True)
    if t.one_way and t.rung and not s.runs(t.newcomer):
        return Wait("NotReady", f"{t.newcomer} is not ready, and {t.stable} does not work with its data", alert=True)
    return Do(_rung(s, t, healed(t, gateway.weights[t.newcomer.slot])), "heal drift")


def ask(s: Situation) -> Answer | None:
    """A gate that is out of its limits, but no proof against the newcomer: a person decides, and nothing rises."""
    t = forward(s)
    if t is None or s.state.paused or t.holding_since is not None or not due(s.spec, t):
        return None
    found = verdict(s.spec, t, s.observed.gates)
    return Record(PausedByRule(found.reason)) if found.exhausted else None


def stand_still(s: Situation) -> Answer | None:
    """Paused or holding: no forward step; measuring and the way back go on."""
    t = forward(s)
    if t is None:
        return None
    name = s.spec.environment
    if s.state.paused:
        message = f"{s.state.paused}; go on with: reconcile resume {name}{_without_owner(s, t)}"
        return Wait("Paused", message, blocked=True)
    if t.holding_since is not None:
        outgrown = s.state.outgrown
        but = f", but {t.stable} does not work with the migrated data" if outgrown else ""
        ways = f"reconcile abort {name} goes back{but}, reconcile resume {name} tries on"
        message = f"{t.reason}; {ways}{_without_owner(s, t)}"
        until = None if outgrown else t.holding_since + s.spec.hold_timeout
        return Wait("Holding", message, until=until, blocked=True, alert=True)
    return None


def _without_owner(s: Situation, t: Transition) -> str:
    """Stable's do not work on data that they do not bear, so nobody does until a person has decided."""
    names = [name for name in s.spec.names(Traffic.EXCLUSIVE) if t.alone and nobodys(s, name)]
    return f"; until then nobody owns {', '.join(names)}" if names else ""


def bring_up(s: Situation) -> Answer | None:
    """Stage, start, get ready and warm the newcomer; its users are none yet."""
    t = forward(s)
    return prepare(s, t.newcomer) if t else None


def pass_stage(s: Situation) -> Answer | None:
    """Every gate of the stage is Successful: on record, before anything rests on it."""
    t = forward(s)
    if t is None or stage(t) in t.passed or stage(t) is Stage.SHIFT:
        return None
    found = proof(s.spec, t, s.observed.gates)
    if not found.good:
        return Wait(f"Gate{found.outcome}", found.reason)
    return Record(StagePassed(stage(t), found.reason))


def climb(s: Situation) -> Answer | None:
    """The strategy's present step: one rung, a pause, an analysis, or members that change hands."""
    t = forward(s)
    match t and t.step:
        case SetWeight(weight) if t:
            return _raise(s, t, weight)
        case Pause(duration) if t:
            return _pause(s, t, duration)
        case Analysis() as step if t:
            return _analyse(s, t, step)
        case HandOver(members) if t:
            return _unfit(s, t.newcomer) or hand_over(s, t, members)
        case _:
            return None


def _raise(s: Situation, t: Transition, weight: int) -> Answer:
    """One rung up, only on a good verdict about this version at this rung, and only if both slots are fit."""
    if weight <= t.rung:
        return Record(StepPassed(t.cursor))
    fit = (t.newcomer,) if t.one_way else (t.newcomer, t.stable)  # a way back that does not work need not be up
    unfit = _unfit(s, *fit) or _given_up_before(s, t)
    found = verdict(s.spec, t, s.observed.gates)
    if unfit or not found.good:
        return unfit or Wait(f"Gate{found.outcome}", found.reason)
    return Do(_rung(s, t, weight, advance=True), found.reason or "ready and warm")


def _rung(s: Situation, t: Transition, weight: int, *, advance: bool = False) -> Route:
    return Route(s.gateway.weights if s.gateway else None, shared(t, weight), advance)


def _given_up_before(s: Situation, t: Transition) -> Wait | None:
    """The gateway remembers for a while whom it could not connect to. Of one that has had no users yet that says
    nothing: it is about what was there before; and once it has some, it would be held against it."""
    before = not t.rung and s.gateway is not None and s.gateway.ejected[t.newcomer.slot]
    why = f"the gateway still gives {t.newcomer.slot} up, for what was there before {t.newcomer} was started"
    return Wait("NotReady", why) if before else None


def _unfit(s: Situation, *releases: Release) -> Wait | None:
    """Nobody gains traffic unless it runs what it should, and the way back is up."""
    bad = [release for release in releases if not s.runs(release)]
    return Wait("NotReady", f"{bad[0]} is not ready at its version") if bad else None


def _pause(s: Situation, t: Transition, duration: float | None) -> Answer:
    if s.state.promote:
        return Record(StepPassed(t.cursor, "promoted"))
    if duration is None:
        command = f"reconcile promote {s.spec.environment}"
        return Wait("PromotionAwaited", f"go on with: {command}", blocked=True)
    if s.now < t.since + duration:
        return Wait("Pausing", f"{duration:g} s at {t.rung} %", until=t.since + duration)
    return Record(StepPassed(t.cursor))


def _analyse(s: Situation, t: Transition, step: Analysis) -> Answer:
    """Advance as soon as the gates allow. No evidence by the end is a pause for a person, never a rollback (but for a
    gate that must have data: see `judging`)."""
    found = verdict(s.spec, t, s.observed.gates)
    enough = not step.confident or confident(s.spec, t, s.observed.gates)
    if found.good and enough:
        return Record(StepPassed(t.cursor, found.reason))
    if s.now < t.since + step.at_most:
        until = t.since + step.at_most
        unsure = Wait("GateInconclusive", f"not confident yet: {found.reason}", until=until)
        return unsure if found.good else Wait(f"Gate{found.outcome}", found.reason, until=until)
    return Record(PausedByRule(f"no good verdict within {step.at_most:g} s: {found.reason}"))


def soak(s: Situation) -> Answer | None:
    """Everything done and proved: keep measuring, one step from the way back, then the newcomer is stable."""
    t = forward(s)
    if t is None:
        return None
    if t.phase is not Phase.SOAKING:
        return Record(SoakBegan())
    if s.now < t.since + s.spec.soak:
        return _soaking(s, t)
    found = verdict(s.spec, t, s.observed.gates)
    owners = all(s.status(t.newcomer.slot, name) is MemberStatus.READY for name in t.handed)
    if not owners:
        return Wait("NotReady", f"{', '.join(sorted(t.handed))} in {t.newcomer.slot} is not ready", alert=True)
    if not found.good:
        return Wait(f"Gate{found.outcome}", found.reason)
    return _unfit(s, t.newcomer) or Record(Ended(Phase.SUCCEEDED, found.reason))


def _soaking(s: Situation, t: Transition) -> Wait:
    said = alerts(t, s.observed.gates)
    message = f"{s.spec.soak:g} s at full weight{'; ' + said if said else ''}"
    return Wait("Soaking", message, until=t.since + s.spec.soak, alert=bool(said))
