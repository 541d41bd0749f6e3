"""Memory: `fold(state, event) -> state`. Incremental and bounded; the journal replayed is all that we remember."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.model import (
    Admission,
    HandOver,
    Pause,
    Release,
    SetWeight,
    Slot,
    StrategyStep,
    Weights,
)
from reconciler.core.state import Held, Last, Leftover, Refusal, State, Transition
from reconciler.core.steps import (
    Accepted,
    Act,
    Adopted,
    Applied,
    Began,
    Bootstrapped,
    Created,
    DriftFound,
    Ended,
    Event,
    GenerationTaken,
    HealthNoted,
    HoldBegan,
    Intended,
    PausedByRule,
    Phase,
    Rebound,
    Requested,
    Result,
    Retired,
    RollbackBegan,
    RollbackRefused,
    Route,
    SoakBegan,
    StageFiles,
    StagePassed,
    Start,
    StepPassed,
    Stop,
    Verb,
    Warm,
    Watched,
)


def fold(state: State, event: Event, *, elapsed: float = 0.0, seq: int = 0) -> State:
    """The state after `event`. `elapsed`: watched seconds since the entry before."""
    state = replace(state, watched=state.watched + elapsed, seq=seq or state.seq + 1)
    if state.transition:
        state = replace(state, transition=_spend(state, state.transition, elapsed))
    return _fold(state, event)


def _spend(state: State, transition: Transition, elapsed: float) -> Transition:
    """The progress deadline counts neither pauses, nor holding, nor soaking, nor the way back."""
    idle = bool(state.paused or state.suspended or state.down) or transition.holding_since is not None
    if idle or transition.phase in (Phase.SOAKING, Phase.ROLLING_BACK) or isinstance(transition.step, Pause):
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
        case Accepted(pins=pins):
            held = tuple(held for held in state.held if held.version in (pins.blue, pins.green))
            return replace(state, accepted=event, held=held, accept_rewritten=False, refusal=None)
        case Bootstrapped(stable):
            return replace(state, stable=stable, started=state.started.replace(stable.slot, stable.version))
        case Adopted(stable):
            return _adopted(state, stable)
        case Began():
            return _began(state, event)
        case Intended():
            return _intended(state, event)
        case Applied():
            return _applied(state, event)
        case DriftFound():
            return _drift(state, event)
        case RollbackRefused(reason):
            return replace(state, rollback="", rollback_refused=reason)
        case Retired():
            left = state.leftover
            return replace(state, leftover=replace(left, stopped=True) if left else None)
        case PausedByRule(reason):
            return replace(state, paused=reason, paused_by_rule=True)
        case Watched():
            return state
        case _ if state.transition is None:
            return state
        case Ended():
            return _ended(state, state.transition, event)
        case _:
            return _in_transition(state, state.transition, event)


def _adopted(state: State, stable: Release) -> State:
    """Whatever was under way is over; what was left in the slot that is stable now is no leftover."""
    left = state.leftover if state.leftover and state.leftover.release.slot is not stable.slot else None
    return replace(
        state, stable=stable, leftover=left, started=state.started.replace(stable.slot, stable.version),
        transition=None, adopt=None, claim=True, intent=None, drift=None, abort="", promote=False, rollback="",
    )  # fmt: skip


def _in_transition(state: State, transition: Transition, event: Event) -> State:
    now = state.watched
    match event:
        case Rebound(digest, revision, steps, cursor):
            transition = replace(
                transition, digest=digest, revision=revision, steps=steps, cursor=cursor, opened=now, since=now,
                passed=frozenset(), phase=Phase.PROGRESSING,
            )  # fmt: skip
        case StagePassed(stage):
            transition = replace(transition, passed=transition.passed | {stage})
        case StepPassed(cursor, _, handed):
            opened = now if handed else transition.opened
            transition = replace(transition, opened=opened, handed=transition.handed | {*handed})
            transition = _at_step(transition, cursor + 1, now)
            state = replace(state, promote=False)
        case SoakBegan():
            transition = replace(transition, phase=Phase.SOAKING, since=now)
        case HealthNoted(ready):
            transition = replace(transition, unready_since=None if ready else now)
        case HoldBegan(reason):
            transition = replace(transition, holding_since=now, reason=reason)
        case RollbackBegan(ends, condition, reason, hold):
            transition = replace(transition, phase=Phase.ROLLING_BACK, since=now)
            transition = replace(transition, ends=ends, condition=condition, reason=reason, hold=hold)
            state = replace(state, abort="", promote=False)
    return replace(state, transition=transition)


def _at_step(transition: Transition, cursor: int, now: float) -> Transition:
    moved = replace(transition, cursor=cursor, since=now, starts=0)
    handing = isinstance(moved.step, HandOver)
    return replace(moved, phase=Phase.HANDING_OVER if handing else Phase.PROGRESSING)


def cursor_at(steps: tuple[StrategyStep, ...], rung: int) -> int:
    """The step after the last configured weight that is at most `rung`: where a transition at that rung goes on."""
    reached = [i for i, step in enumerate(steps) if isinstance(step, SetWeight) and step.weight <= rung]
    return reached[-1] + 1 if reached else 0


def _requested(state: State, request: Requested) -> State:
    reason = request.reason or "by an operator"
    transition = state.transition
    moving = transition is not None and not transition.going_back
    match request.verb:
        case Verb.PAUSE:
            return replace(state, paused=reason, paused_by_rule=False)
        case Verb.RESUME:
            return _resumed(state)
        case Verb.SUSPEND if state.transition is None or request.leave_split:
            return replace(state, suspended=reason)
        case Verb.ABORT if transition:  # on the way back too: a suspended one goes on
            return replace(state, abort=reason)
        case Verb.ROLLBACK if moving:
            return replace(state, abort=reason)
        case Verb.ROLLBACK if state.transition is None:
            return replace(state, rollback=reason, rollback_refused="")
        case Verb.PROMOTE if transition and moving and isinstance(transition.step, Pause):
            return replace(state, promote=True)
        case Verb.RETRY:
            return replace(state, held=(), refusal=None, accept_rewritten=request.accept_rewritten)
        case Verb.ADOPT:
            return replace(state, adopt=request.slot)
        case Verb.DOWN:
            return replace(state, down=reason, abort=f"down: {reason}" if moving else state.abort)
        case _:
            return state


def _resumed(state: State) -> State:
    transition = state.transition
    if transition:
        unwatched = state.suspended or state.down or transition.holding_since is not None
        transition = replace(transition, holding_since=None, refusal="", since=state.watched)
        if unwatched:  # what was measured before, or by nobody, is not held against it
            transition = replace(transition, opened=state.watched, unready_since=None)
    return replace(state, paused="", paused_by_rule=False, suspended="", down="", transition=transition)


def _began(state: State, event: Began) -> State:
    transition = Transition(
        event.transition, event.stable, event.newcomer, event.digest, event.revision, event.steps,
        opened=state.watched, since=state.watched, up=state.warm[event.newcomer.slot] == event.newcomer.version,
    )  # fmt: skip
    if event.back:
        transition = replace(
            transition, phase=Phase.ROLLING_BACK, rung=100, reason=event.back, condition="RolledBack", hold=True
        )
    return replace(
        state, transition=transition, abort="", promote=False, rollback="", drift=None, refusal=None, adopt=None
    )


def _intended(state: State, event: Intended) -> State:
    state = replace(state, intent=event)
    match event.act:
        case Start(slot, version, owner=owner):
            left = state.leftover
            if left and left.release.slot is slot and left.release.version != version:
                left = None  # redeployed: there is nothing to go back to any more
            started = state.started.replace(slot, version)
            warm = state.warm if owner else state.warm.replace(slot, None)
            state = replace(state, leftover=left, started=started, warm=warm)
            t = state.transition
            if t and t.newcomer.slot is slot:
                state = replace(state, transition=replace(t, starts=t.starts + 1, up=t.up and owner))
        case Stop(slot, owner=False):
            state = replace(state, warm=state.warm.replace(slot, None))
    return _spaced(state, event.act) if isinstance(event.act, Start | Stop) else state


def _spaced(state: State, act: Start | Stop) -> State:
    """Each slot's members remember when they were started or stopped last; only the latest few matter."""
    others = [(a, at) for a, at in state.latest if (a.slot, a.members) != (act.slot, act.members)]
    return replace(state, latest=(*others[-7:], (act, state.watched)))


def _applied(state: State, event: Applied) -> State:
    intent, state = state.intent, replace(state, intent=None)
    if intent is None:
        return state
    if event.result is Result.DONE:
        return _done(replace(state, refusal=None), intent.act)
    if event.result is Result.REFUSED:
        return _refused(state, intent.act, event.reason)
    return state


def _done(state: State, act: Act) -> State:
    match act:
        case StageFiles(slot, version):
            return replace(state, files=state.files.replace(slot, version))
        case Warm(slot, version):
            return _warmed(replace(state, warm=state.warm.replace(slot, version)), Release(slot, version))
        case Route():
            return _routed(state, act)
        case _:
            return state


def _warmed(state: State, release: Release) -> State:
    """The newcomer is up: from now on gates are asked, in a window that opens now."""
    transition = state.transition
    if transition is None or transition.newcomer != release:
        return state
    return replace(state, transition=replace(transition, up=True, opened=state.watched))


def _routed(state: State, act: Route) -> State:
    closed = state.closed
    for slot in Slot:
        since = closed[slot] if closed[slot] is not None else state.watched
        closed = closed.replace(slot, since if act.after.admission[slot] is Admission.CLOSED else None)
    transition = state.transition
    if transition:
        transition = _on_rung(transition, act.after.weights[transition.newcomer.slot], state.watched)
        if act.advance:
            transition = _at_step(transition, transition.cursor + 1, state.watched)
    return replace(state, closed=closed, drift=None, claim=False, transition=transition)


def _refused(state: State, act: Act, reason: str) -> State:
    transition = state.transition
    newcomers = not isinstance(act, Route) and getattr(act, "slot", None) is (transition and transition.newcomer.slot)
    if transition and not transition.going_back and (newcomers or (isinstance(act, Route) and act.advance)):
        transition = replace(transition, refusal=reason)
    return replace(state, refusal=Refusal(act, reason, state.watched), transition=transition)


def _drift(state: State, event: DriftFound) -> State:
    """In mid-transition the weight becomes the smaller of what was found and our rung, and a new window opens."""
    transition = state.transition
    if transition and not transition.going_back:
        rung = min(transition.rung, _found(event.found, transition.newcomer.slot))
        transition = _on_rung(transition, rung, state.watched)
    return replace(state, drift=event, transition=transition)


def _on_rung(transition: Transition, rung: int, now: float) -> Transition:
    """A weight took effect: a new window opens. One below the last rung goes back on the ladder there."""
    if rung < transition.rung and not transition.going_back:
        cursor = cursor_at(transition.steps, rung)
        transition = replace(transition, cursor=cursor, phase=Phase.PROGRESSING, since=now)
    return replace(transition, rung=rung, opened=now)


def _found(weights: Weights | None, slot: Slot) -> int:
    return weights[slot] if weights else 0


def _ended(state: State, transition: Transition, event: Ended) -> State:
    succeeded = event.phase is Phase.SUCCEEDED
    stable, left = (transition.newcomer, transition.stable) if succeeded else (transition.stable, transition.newcomer)
    held = state.held
    if transition.hold and not succeeded and not state.is_held(transition.newcomer.version):
        held = (*held[-1:], Held(transition.newcomer.version, transition.condition, transition.reason))
    reason = event.reason or transition.reason
    paused = "" if state.paused_by_rule else state.paused  # a rule's pause was about this transition
    last = Last(transition.id, transition.revision, transition.newcomer, event.phase, reason)
    return replace(
        state, stable=stable, transition=None, leftover=Leftover(left, state.watched, good=succeeded), held=held,
        last=last, abort="", promote=False, intent=None, drift=None, rollback_refused="", paused=paused,
        paused_by_rule=False,
    )  # fmt: skip
