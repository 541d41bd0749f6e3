"""What acts leave in memory: their intent, their outcome, and a weight that took effect, by us or by somebody else."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.agreeing import unapproved, used_up
from reconciler.core.bearing import begun
from reconciler.core.drilling import safe
from reconciler.core.events import Applied, DriftFound, Intended, Phase
from reconciler.core.model import Admission, HandOver, Release, SetWeight, Slot, StrategyStep, Weights, all_on
from reconciler.core.state import Refusal, Repeated, State, Transition, Word
from reconciler.core.steps import (
    Act,
    Migrate,
    Note,
    PutBack,
    Result,
    Route,
    StageFiles,
    Start,
    Stop,
    TakeSnapshot,
    TryRestore,
    Warm,
)


def at_step(transition: Transition, cursor: int, now: float) -> Transition:
    moved = replace(transition, cursor=cursor, since=now, starts=0, let_go=False, saving=False)
    handing = isinstance(moved.step, HandOver)
    return replace(moved, phase=Phase.HANDING_OVER if handing else Phase.PROGRESSING)


def cursor_at(steps: tuple[StrategyStep, ...], rung: int) -> int:
    """The step after the last configured weight that is at most `rung`: where a transition at that rung goes on."""
    reached = [i for i, step in enumerate(steps) if isinstance(step, SetWeight) and step.weight <= rung]
    return reached[-1] + 1 if reached else 0


def intended(state: State, event: Intended) -> State:
    state = replace(state, intent=event, went_down=False)
    match event.act:
        case Start(slot, version, owner=owner):
            left = state.leftover
            if left and left.release.slot is slot and left.release.version != version:
                left = None  # redeployed: there is nothing to go back to any more
            started = state.started.replace(slot, version)
            warm = state.warm if owner else state.warm.replace(slot, None)
            forced = None if state.forced is slot else state.forced  # it runs there again: nobody has seen that stop
            state = replace(state, leftover=left, started=started, warm=warm, forced=forced)
            t = state.transition
            if t and t.newcomer.slot is slot:
                state = replace(state, transition=replace(t, starts=t.starts + 1, up=t.up and owner, saving=False))
        case Stop(slot, owner=False):
            state = replace(state, warm=state.warm.replace(slot, None))
    state = _owned_again(state, event.act)
    if state.transition:
        state = replace(state, transition=used_up(state.transition, event.act))
    return _spaced(state, event.act) if isinstance(event.act, Repeated) else state


def _owned_again(state: State, act: Act) -> State:
    """The old slot is made owner again (a pause, say), or asked to let go: that nobody owns has to be read anew."""
    t = state.transition
    if t is None or not t.let_go or not isinstance(act, Start | Stop) or not act.owner or act.slot is t.newcomer.slot:
        return state
    return replace(state, transition=replace(t, let_go=False))


def _spaced(state: State, act: Repeated) -> State:
    """Each slot's members remember when they were started or stopped last; only the latest few matter."""
    others = [(earlier, at) for earlier, at in state.latest if _whom(earlier) != _whom(act)]
    return replace(state, latest=(*others[-7:], (act, state.watched)))


def _whom(act: Repeated) -> object:
    return (act.slot, act.members) if isinstance(act, Start | Stop) else type(act)


def applied(state: State, event: Applied) -> State:
    intent, state = state.intent, replace(state, intent=None)
    if intent is None:
        return state
    if isinstance(intent.act, Migrate) and event.result in (Result.DONE, Result.UNKNOWN):
        state = begun(state, intent.act)
    saving = isinstance(intent.act, TakeSnapshot | TryRestore) and event.result in (Result.DONE, Result.UNKNOWN)
    if saving and state.transition:
        state = replace(state, transition=replace(state.transition, saving=True))
    if isinstance(intent.act, PutBack | Note):
        return _told(state, intent.act, event)
    if event.result is Result.DONE:
        return _done(replace(state, refusal=None), intent.act, event.reason)
    if event.result is Result.REFUSED:
        return _refused(state, intent.act, event.reason)
    return state


def _done(state: State, act: Act, reason: str) -> State:
    match act:
        case PutBack() if state.duty:
            return replace(state, duty=replace(state.duty, commit=reason))
        case Note():
            return _noted(state, act)
        case StageFiles(slot, version):
            return replace(state, files=state.files.replace(slot, version))
        case Warm(slot, version):
            return _warmed(replace(state, warm=state.warm.replace(slot, version)), Release(slot, version))
        case Route():
            return _routed(state, act)
        case _:
            return state


def _noted(state: State, act: Note) -> State:
    """After the last word nothing is due any more: what is committed later is somebody's decision."""
    duty = state.duty
    if duty and duty.transition == act.transition:
        good = "" if act.over else duty.good
        return replace(state, duty=replace(duty, noted=act.text, good=good, over=act.over))
    return replace(state, owed=tuple(duty for duty in state.owed if duty.transition != act.transition))


def _told(state: State, act: PutBack | Note, event: Applied) -> State:
    """Git's no, and its silence, are tried again after longer and longer times. A first silence (we may have died in
    it) is looked into before anybody is told of it."""
    before = [one for one in state.untold if isinstance(one.act, PutBack | Note) and _same(one.act, act)]
    others = tuple(one for one in state.untold if one not in before)
    if event.result is Result.DONE:
        return _done(replace(state, untold=others), act, event.reason)
    if event.result is Result.CONFLICT:
        return state
    times = 1 + max((one.times for one in before if one.act == act), default=0)
    reason = event.reason if event.result is Result.REFUSED or times > 1 else ""
    return replace(state, untold=(*others[-9:], Refusal(act, reason, state.watched, times)))


def _same(one: PutBack | Note, other: PutBack | Note) -> bool:
    return type(one) is type(other) and one.transition == other.transition


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
            transition = at_step(transition, transition.cursor + 1, state.watched)
    state = replace(state, closed=closed, drift=None, claim=False, transition=transition, by_hand=Word.NONE)
    return safe(state) if transition and act.after.weights == all_on(transition.stable.slot) else state


def _refused(state: State, act: Act, reason: str) -> State:
    transition = state.transition
    newcomers = not isinstance(act, Route) and getattr(act, "slot", None) is (transition and transition.newcomer.slot)
    if transition and not transition.going_back and (newcomers or (isinstance(act, Route) and act.advance)):
        transition = replace(transition, refusal=reason)
    before = state.refusal
    times = before.times + 1 if before and before.act == act else 1
    return replace(state, refusal=Refusal(act, reason, state.watched, times), transition=transition)


def drifted(state: State, event: DriftFound) -> State:
    """In mid-transition the weight becomes what it is to be healed to, and a new window opens."""
    transition = state.transition
    if transition and not transition.going_back:
        rung = healed(transition, _found(event.found, transition.newcomer.slot))
        transition = _on_rung(transition, rung, state.watched)
    return replace(state, drift=event, transition=transition)


def healed(transition: Transition, found: int) -> int:
    """What the newcomer is to have where somebody else gave it `found`: the smaller of that and our rung. Where stable
    does not work with the data, the larger: nobody is left there, or led back."""
    further = transition.one_way and transition.rung
    return max(transition.rung, found) if further else min(transition.rung, found)


def _on_rung(transition: Transition, rung: int, now: float) -> Transition:
    """A weight took effect: a new window opens. One below the last rung goes back on the ladder there, and
    whoever approved what comes then is asked again."""
    if rung < transition.rung and not transition.going_back:
        cursor = cursor_at(transition.steps, rung)
        transition = replace(transition, cursor=cursor, phase=Phase.PROGRESSING, since=now, let_go=False)
        transition = unapproved(transition)
    return replace(transition, rung=rung, opened=now)


def _found(weights: Weights | None, slot: Slot) -> int:
    return weights[slot] if weights else 0
