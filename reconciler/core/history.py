"""Memory: `fold(state, event) -> state`. Incremental and bounded; the journal replayed is all that we remember."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.agreeing import answered, begun, unapproved
from reconciler.core.bearing import migrated, noted, what_became
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
    Created,
    DriftFound,
    Ended,
    Event,
    Froze,
    GenerationTaken,
    HealthNoted,
    HoldBegan,
    Intended,
    Judged,
    LetGo,
    Migrated,
    MigrationNoted,
    PausedByRule,
    Phase,
    Rebound,
    Requested,
    RequestRefused,
    Retired,
    RollbackBegan,
    SoakBegan,
    StagePassed,
    StepPassed,
    Thawed,
    Verb,
    Watched,
    WentDown,
)
from reconciler.core.model import Pause, Release, Stage
from reconciler.core.outcomes import applied, at_step, drifted, intended
from reconciler.core.state import Duty, Held, Last, Leftover, State, Transition

MOST_OWED = 8  # notes of earlier ends that wait for git


def fold(state: State, event: Event, *, elapsed: float = 0.0, seq: int = 0) -> State:
    """The state after `event`. `elapsed`: watched seconds since the entry before."""
    state = replace(state, watched=state.watched + elapsed, seq=seq or state.seq + 1)
    if state.transition:
        state = replace(state, transition=_spend(state, state.transition, elapsed))
    return _fold(state, event)


def _spend(state: State, transition: Transition, elapsed: float) -> Transition:
    """The progress deadline counts no pause, freeze, approval or hold, no migration, no soak, and not the way back;
    that of an approval no pause, freeze or hold."""
    if state.halted or transition.going_back:
        return transition
    if transition.waiting and transition.waiting not in transition.admitted:
        transition = replace(transition, waited=transition.waited + elapsed)
    idle = transition.asking or transition.migrating or transition.phase is Phase.SOAKING
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
            return _requested(state, event)
        case Accepted():
            return _accepted(state, event)
        case Bootstrapped(stable):
            state = _since(state, stable, state.accepted.revision if state.accepted else "")
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
        case RequestRefused(verb, reason):
            state = replace(state, adopt=None) if verb is Verb.ADOPT else replace(state, rollback="")
            return replace(state, request_refused=f"{verb}: {reason}")
        case Retired():
            left = state.leftover
            return replace(state, leftover=replace(left, stopped=True) if left else None)
        case WentDown():
            return replace(state, went_down=True)
        case PausedByRule(reason):
            t = state.transition
            return replace(state, paused=reason, paused_by_rule=True, transition=unapproved(t) if t else None)
        case Watched():
            return state
        case _ if state.transition is None:
            return state
        case Ended():
            return _ended(state, state.transition, event)
        case _:
            return _in_transition(state, state.transition, event)


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
    back = not held.before and event.target is not None and event.target == state.stable
    return (
        replace(held, before=tuple(sorted({pin for pin in (event.pins.blue, event.pins.green) if pin})))
        if back
        else held
    )


def _since(state: State, stable: Release, revision: str) -> State:
    """Whoever changes what is asked for from here on is an author of what comes after this stable release."""
    return replace(state, since=state.since.replace(stable.slot, revision))


def _adopted(state: State, stable: Release) -> State:
    """Whatever was under way is over; what was left in the slot that is stable now is no leftover. What was on its way
    back has failed all the same: it is held, and git is told."""
    t = state.transition
    if t and t.going_back and t.newcomer != stable:
        state = _ended(state, t, Ended(t.ends, f"{t.reason}; {stable} was adopted meanwhile"))
    state = _since(state, stable, state.accepted.revision if state.accepted else "")
    left = state.leftover if state.leftover and state.leftover.release.slot is not stable.slot else None
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
            )  # fmt: skip
            transition = replace(unapproved(transition), admitted=frozenset())
        case StagePassed(stage):
            transition = begun(replace(transition, passed=transition.passed | {stage}))
        case MigrationNoted():
            return noted(state, transition, event)
        case Migrated():
            return migrated(state, transition, event)
        case StepPassed(cursor, _, handed):
            opened = now if handed else transition.opened
            transition = replace(transition, opened=opened, handed=transition.handed | {*handed})
            transition = begun(at_step(transition, cursor + 1, now))
            state = replace(state, promote=False)
        case LetGo():  # nothing that was measured while somebody owned proves anything now
            passed = transition.passed - {Stage.HAND_OVER}
            transition = begun(replace(transition, let_go=True, opened=now, passed=passed))
        case SoakBegan():
            transition = replace(transition, phase=Phase.SOAKING, since=now, waiting=None, waited=0.0)
        case HealthNoted(ready):
            restarts = transition.restarts and not ready
            transition = replace(transition, unready_since=None if ready else now, restarts=restarts)
        case Judged(outcome, reason):
            transition = replace(transition, judged=outcome, said=reason, judged_at=now)
        case ApprovalAsked() | Approved() | ApprovalVoided() | Admitted():
            transition = answered(transition, event, now)
        case Froze(why):
            transition = replace(transition, frozen=why)
        case Thawed():  # what has a time of its own gets all of it in an open window
            transition = replace(transition, frozen="", since=now)
        case HoldBegan(reason):
            transition = replace(unapproved(transition), holding_since=now, reason=reason)
        case RollbackBegan(ends, condition, reason, hold):
            transition = replace(transition, phase=Phase.ROLLING_BACK, since=now, asked=None, agreed=(), frozen="")
            transition = replace(transition, ends=ends, condition=condition, reason=reason, hold=hold)
            state = replace(state, abort="", promote=False)
    return replace(state, transition=transition)


def _requested(state: State, request: Requested) -> State:
    reason = request.reason or "by an operator"
    transition = state.transition
    moving = transition is not None and not transition.going_back
    match request.verb:
        case Verb.PAUSE:
            return replace(state, paused=reason, paused_by_rule=False)
        case Verb.RESUME if request.override:
            return replace(state, override=(state.accepted.digest, reason) if state.accepted else None)
        case Verb.RESUME:
            return _resumed(state)
        case Verb.SUSPEND if state.transition is None or request.leave_split:
            return replace(state, suspended=reason)
        case Verb.ABORT if transition:  # on the way back too: a suspended one goes on
            return replace(state, abort=reason)
        case Verb.ROLLBACK if moving:
            return replace(state, abort=reason)
        case Verb.ROLLBACK if state.transition is None:
            return replace(state, rollback=reason, request_refused="")
        case Verb.PROMOTE if transition and moving and isinstance(transition.step, Pause):
            return replace(state, promote=True)
        case Verb.RETRY:
            state = replace(state, held=(), refusal=None, untold=(), accept_rewritten=request.accept_rewritten)
            return replace(state, duty=replace(state.duty, good="") if state.duty else None)  # it may be asked for
        case Verb.ADOPT:
            return replace(state, adopt=request.slot, request_refused="")
        case Verb.HANDOVER:
            return replace(state, forced=request.slot)
        case Verb.DOWN:
            return _down(state, reason)
        case _:
            return state


def _down(state: State, reason: str) -> State:
    """A transition ends with it; but for one from which nothing leads back: that goes on where it stood."""
    transition, back = state.transition, f"down: {reason}"
    if transition is None or transition.going_back:
        return replace(state, down=reason)
    if not state.outgrown:
        return replace(state, down=reason, abort=back)
    return replace(state, down=reason, transition=replace(transition, restarts=transition.rung > 0))


def _resumed(state: State) -> State:
    transition = state.transition
    if transition:
        asked = state.paused_by_rule  # a gate asked a person, who has decided: it begins anew
        unwatched = state.suspended or state.down or asked or transition.holding_since is not None
        if transition.holding_since is not None:  # whatever it held for, a person says that it is over
            transition = replace(transition, starts=0, spent=0.0, restarts=transition.rung > 0)
        transition = replace(transition, holding_since=None, refusal="", since=state.watched)
        if unwatched:  # what was measured before, or by nobody, is not held against it
            transition = replace(transition, opened=state.watched, unready_since=None)
    return replace(state, paused="", paused_by_rule=False, suspended="", down="", transition=transition)


def _began(state: State, event: Began) -> State:
    transition = Transition(
        event.transition, event.stable, event.newcomer, event.digest, event.revision, event.steps,
        opened=state.watched, since=state.watched, up=state.warm[event.newcomer.slot] == event.newcomer.version,
        migrates=event.migrates, one_way=not state.bears(event.stable), branch=_branch(state),
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


def _ended(state: State, transition: Transition, event: Ended) -> State:
    succeeded = event.phase is Phase.SUCCEEDED
    state = _since(state, transition.newcomer, transition.revision) if succeeded else state
    stable, left = (transition.newcomer, transition.stable) if succeeded else (transition.stable, transition.newcomer)
    held = state.held
    if transition.hold and not succeeded and not state.is_held(transition.newcomer.version):
        before = tuple(sorted({pin for pin in _before(state, transition) if pin}))
        failed = Held(transition.newcomer.version, transition.condition, transition.reason, before)
        ended = state.accepted is not None and failed.ends_with(state.accepted.pins)  # by what superseded it
        held = held if ended else (*held[-1:], failed)
    reason = event.reason or transition.reason
    paused = "" if state.paused_by_rule else state.paused  # a rule's pause was about this transition
    reason += "" if succeeded else what_became(transition)
    last = Last(transition.id, transition.revision, transition.newcomer, event.phase, reason)
    behind = tuple(behind for behind in state.behind if behind.release == transition.stable)
    return replace(
        state, stable=stable, transition=None, held=held,
        leftover=Leftover(left, state.watched, good=succeeded), behind=behind,
        last=last, duty=_duty(state, transition, event, reason), owed=_owed(state), override=None,
        abort="", promote=False, intent=None, drift=None, request_refused="", paused=paused,
        paused_by_rule=False, forced=None,
    )  # fmt: skip


def _good(state: State, stable: Release) -> Accepted | None:
    """What was in force last when git asked for this stable."""
    good = state.good[stable.slot]
    return good if good and good.target == stable else None


def _before(state: State, transition: Transition) -> tuple[str | None, ...]:
    """What was pinned before this version was asked for."""
    good = _good(state, transition.stable)
    return (good.pins.blue, good.pins.green) if good else ()


def _duty(state: State, transition: Transition, event: Ended, reason: str) -> Duty:
    """Git is told of every end; where the version is held, its file is to be put back as it was."""
    succeeded, t = event.phase is Phase.SUCCEEDED, transition
    good = _good(state, t.stable) if t.hold and not succeeded else None
    way = f"{t.newcomer} serves, after {t.stable}" if succeeded else f"{t.newcomer} went back to {t.stable}"
    condition = f" ({t.condition})" if t.condition and not succeeded else ""
    text = f"{event.phase}{condition}: {way}{': ' + reason if reason else ''}"
    back = good.revision if good else ""
    return Duty(t.id, t.revision, text, back, f"{t.condition}: {t.reason}", branch=t.branch)


def _owed(state: State) -> tuple[Duty, ...]:
    """Notes that git has not taken yet. Their files are nobody's business any more: something else was asked for."""
    duty = state.duty
    if duty is None or duty.over or not duty.revision or duty.noted == duty.said():
        return state.owed
    return (*state.owed, replace(duty, good=""))[-MOST_OWED:]
