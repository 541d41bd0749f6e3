"""Memory: `fold(state, event) -> state`. Incremental and bounded; the journal replayed is all that we remember."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.agreeing import answered, unapproved, used_up
from reconciler.core.bearing import migrated, noted, restored, restoring
from reconciler.core.certifying import certified
from reconciler.core.drilling import drill_began, drill_ended, drill_scheduled, restore_tried
from reconciler.core.endings import ended, overtaken, since
from reconciler.core.events import (
    Accepted,
    Admitted,
    Adopted,
    Applied,
    ApprovalAsked,
    ApprovalVoided,
    Approved,
    Began,
    Bootstrapped,
    CertificateEnding,
    CertificateRefused,
    CertificateShown,
    Created,
    DriftFound,
    DrillBegan,
    DrillEnded,
    DrillMissed,
    DrillScheduled,
    Ended,
    Event,
    EvidenceSealed,
    Froze,
    GenerationTaken,
    HealthNoted,
    HoldBegan,
    Intended,
    Judged,
    LetGo,
    Migrated,
    MigrationNoted,
    MovedByHand,
    PausedByRule,
    Phase,
    Rebound,
    Requested,
    RequestRefused,
    RestoreBegan,
    Restored,
    RestoreGivenUp,
    RestoreTried,
    Retired,
    RollbackBegan,
    SnapshotTaken,
    SoakBegan,
    StagePassed,
    StepPassed,
    Thawed,
    Verb,
    Watched,
    WentDown,
)
from reconciler.core.model import Pause, Release, Slot, Stage, all_on
from reconciler.core.outcomes import applied, at_step, drifted, intended
from reconciler.core.requests import requested
from reconciler.core.state import Held, State, Transition, Word


def fold(state: State, event: Event, *, elapsed: float = 0.0, seq: int = 0) -> State:
    """The state after `event`. `elapsed`: watched seconds since the entry before."""
    state = replace(state, watched=state.watched + elapsed, seq=seq or state.seq + 1)
    if state.transition:
        state = replace(state, transition=_spend(state, state.transition, elapsed))
    return _fold(state, event)


def _spend(state: State, transition: Transition, elapsed: float) -> Transition:
    """The progress deadline counts no pause, freeze, approval or hold, no work on the data, no soak, and not the way
    back; that of an approval no pause, freeze or hold."""
    if state.halted or transition.going_back:
        return transition
    if transition.waiting and transition.waiting not in transition.admitted:
        transition = replace(transition, waited=transition.waited + elapsed)
    idle = transition.asking or transition.at_data or transition.phase is Phase.SOAKING
    if idle or isinstance(transition.step, Pause):
        return transition
    return replace(transition, spent=transition.spent + elapsed)


def _fold(state: State, event: Event) -> State:
    match event:
        case Created(journal):
            return replace(state, journal=journal)
        case GenerationTaken(generation):
            return replace(state, generation=generation)
        case Requested():
            return requested(state, event)
        case Accepted():
            return _accepted(state, event)
        case Bootstrapped(stable):
            state = since(state, stable, state.accepted.revision if state.accepted else "")
            return replace(state, stable=stable, started=state.started.replace(stable.slot, stable.version))
        case Adopted(stable):
            return _adopted(state, stable)
        case Began():
            return _began(state, event)
        case Intended():
            return intended(state, event)
        case Applied():
            return applied(state, event)
        case DriftFound():
            return drifted(state, event)
        case MovedByHand(found):
            where = next((f"to {slot}" for slot in Slot if found == all_on(slot)), "elsewhere")
            suspended = state.suspended or f"somebody moved all traffic {where} by hand"
            return replace(state, suspended=suspended, by_hand=Word.AWAITED)
        case RequestRefused(verb, reason):
            return replace(_refused(state, verb), request_refused=f"{verb}: {reason}")
        case Retired():
            left = state.leftover
            return replace(state, leftover=replace(left, stopped=True) if left else None)
        case WentDown():
            return replace(state, went_down=True)
        case PausedByRule(reason):
            t = state.transition
            return replace(state, paused=reason, paused_by_rule=True, transition=unapproved(t) if t else None)
        case DrillBegan():
            return drill_began(state, event)
        case DrillEnded():
            return drill_ended(state, event)
        case DrillScheduled() | DrillMissed():
            return drill_scheduled(state, event)
        case Watched() | EvidenceSealed():
            return state
        case CertificateShown() | CertificateRefused() | CertificateEnding():
            return certified(state, event)
        case RestoreBegan():
            return restoring(state, event)
        case RestoreGivenUp():
            return replace(state, restoring=None)
        case Restored(version=version):
            return restored(state, version)
        case _ if state.transition is None:
            return state
        case Ended():
            return ended(state, state.transition, event)
        case _:
            return _in_transition(state, state.transition, event)


def _refused(state: State, verb: Verb) -> State:
    """It is not kept for later."""
    match verb:
        case Verb.ADOPT:
            return replace(state, adopt=None)
        case Verb.DRILL:
            return replace(state, drill_asked=None)
        case _:
            return replace(state, rollback="")


def _accepted(state: State, event: Accepted) -> State:
    """What was in force until now was good where stable is what it asked for: a rollback may put it back."""
    before, good = state.accepted, state.good
    if before and before.target and before.target == state.stable:
        good = good.replace(before.target.slot, before)
    held = tuple(_told(held, state, event) for held in state.held)
    held = tuple(held for held in held if not held.ends_with(event.pins))
    override = state.override if state.override and state.override[0] == event.digest else None
    return replace(
        state, accepted=event, good=good, held=held, override=override, accept_rewritten=False, refusal=None,
        untold=(),
    )  # fmt: skip


def _told(held: Held, state: State, event: Accepted) -> Held:
    """Where nobody knows what was pinned before (adopted, while git asked for it already), it is what somebody goes
    back to first: the next that asks for stable."""
    if held.before or event.target is None or event.target != state.stable:
        return held
    return replace(held, before=tuple(sorted({pin for pin in (event.pins.blue, event.pins.green) if pin})))


def _adopted(state: State, stable: Release) -> State:
    """Whatever was under way is over, and git is told; what was left in the slot that is stable now is no leftover.
    What was on its way back has failed all the same: it is held."""
    t = state.transition
    if t and t.going_back and t.newcomer != stable:
        state = ended(state, t, Ended(t.ends, f"{t.reason}; {stable} was adopted meanwhile"))
    elif t and not t.drill:
        state = overtaken(state, t, stable)
    state = since(state, stable, state.accepted.revision if state.accepted else "")
    left = state.leftover if state.leftover and state.leftover.release.slot is not stable.slot else None
    if state.drill:
        state = drill_ended(state, DrillEnded(Phase.SUPERSEDED, f"{stable} was adopted"))
    return replace(
        state, stable=stable, leftover=left, started=state.started.replace(stable.slot, stable.version),
        transition=None, adopt=None, forced=None, claim=True, intent=None, drift=None, abort="", promote=False,
        rollback="", behind=(),
    )  # fmt: skip


def _in_transition(state: State, transition: Transition, event: Event) -> State:
    now = state.watched
    match event:
        case Rebound(digest, revision, steps, cursor, migrates, anew):
            transition = replace(
                transition, digest=digest, revision=revision, steps=steps, cursor=cursor, opened=now, since=now,
                passed=transition.passed & {Stage.MIGRATE}, phase=Phase.PROGRESSING, let_go=False, migrates=migrates,
                migrated=transition.migrated and not anew, branch=_branch(state),
                drill=transition.drill if state.drill else None,
            )  # fmt: skip
            transition = replace(unapproved(transition), admitted=frozenset())
        case StagePassed(stage):
            transition = used_up(replace(transition, passed=transition.passed | {stage}))
        case MigrationNoted():
            return noted(state, transition, event)
        case Migrated():
            return migrated(state, transition, event)
        case SnapshotTaken():  # what comes now has a time of its own
            transition = replace(transition, saving=False, saved=event, opened=now, since=now)
        case RestoreTried(trial=trial):
            return restore_tried(state, transition, trial)
        case StepPassed(cursor, _, handed):
            opened = now if handed else transition.opened
            transition = replace(transition, opened=opened, handed=transition.handed | {*handed})
            transition = used_up(at_step(transition, cursor + 1, now))
            state = replace(state, promote=False)
        case LetGo():  # nothing that was measured while somebody owned proves anything now
            passed = transition.passed - {Stage.HAND_OVER}
            transition = used_up(replace(transition, let_go=True, opened=now, passed=passed))
        case SoakBegan():
            transition = replace(transition, phase=Phase.SOAKING, since=now, waiting=None, waited=0.0)
        case HealthNoted(ready):
            restarts = transition.restarts and not ready
            transition = replace(transition, unready_since=None if ready else now, restarts=restarts)
        case Judged(outcome, reason, gate):
            transition = replace(transition, judged=outcome, said=reason, sayer=gate, judged_at=now)
        case ApprovalAsked() | Approved() | ApprovalVoided() | Admitted():
            transition = answered(transition, event, now)
        case Froze(why):
            transition = replace(transition, frozen=why)
        case Thawed():  # what has a time of its own gets all of it in an open window
            transition = replace(transition, frozen="", since=now)
        case HoldBegan(reason):
            transition = replace(unapproved(transition), holding_since=now, reason=reason, saving=False)
        case RollbackBegan(ends, condition, reason, hold):
            transition = replace(transition, phase=Phase.ROLLING_BACK, since=now, asked=None, agreed=(), frozen="")
            transition = replace(transition, ends=ends, condition=condition, reason=reason, hold=hold)
            state = replace(state, abort="", promote=False)
    return replace(state, transition=transition)


def _began(state: State, event: Began) -> State:
    transition = Transition(
        event.transition, event.stable, event.newcomer, event.digest, event.revision, event.steps,
        opened=state.watched, since=state.watched, up=state.warm[event.newcomer.slot] == event.newcomer.version,
        migrates=event.migrates, one_way=not state.bears(event.stable), branch=_branch(state), drill=event.drill,
    )  # fmt: skip
    if event.back:
        transition = replace(
            transition, phase=Phase.ROLLING_BACK, rung=100, reason=event.back, condition="RolledBack", hold=True
        )
    return replace(
        state, transition=transition, abort="", promote=False, rollback="", drift=None, refusal=None, adopt=None
    )


def _branch(state: State) -> str:
    """Where what is in force came from, whatever the branch of the last look is."""
    return state.accepted.branch if state.accepted else ""
