"""What the end of a transition leaves in memory: who is stable, what is held, and what git is to be told."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.bearing import what_became
from reconciler.core.drilling import way_ended
from reconciler.core.events import Accepted, Ended, Phase
from reconciler.core.model import Release
from reconciler.core.state import Duty, Held, Last, Leftover, State, Transition

MOST_OWED = 8  # notes of earlier ends that wait for git


def ended(state: State, transition: Transition, event: Ended) -> State:
    """Whoever is left to serve is stable. What git is told of it, and what is held, is about what git has asked for."""
    succeeded = event.phase is Phase.SUCCEEDED
    stable, left = (transition.newcomer, transition.stable) if succeeded else (transition.stable, transition.newcomer)
    paused = "" if state.paused_by_rule else state.paused  # a rule's pause was about this transition
    after = replace(
        state, stable=stable, transition=None, leftover=Leftover(left, state.watched, good=succeeded), override=None,
        abort="", promote=False, intent=None, drift=None, request_refused="", paused=paused, paused_by_rule=False,
        forced=None,
    )  # fmt: skip
    if transition.drill:  # the same version in another slot
        same = state.since.replace(stable.slot, state.since[transition.stable.slot])
        return way_ended(replace(after, since=same), transition, event)
    return _answered(state, after, transition, event)


def _answered(state: State, after: State, transition: Transition, event: Ended) -> State:
    """What failed is held, unless another version is pinned in its place."""
    succeeded = event.phase is Phase.SUCCEEDED
    after = since(after, transition.newcomer, transition.revision) if succeeded else after
    held = state.held
    if transition.hold and not succeeded and not state.is_held(transition.newcomer.version):
        before = tuple(sorted({pin for pin in _before(state, transition) if pin}))
        failed = Held(transition.newcomer.version, transition.condition, transition.reason, before)
        over = state.accepted is not None and failed.ends_with(state.accepted.pins)  # by what superseded it
        held = held if over else (*held[-1:], failed)
    reason = event.reason or transition.reason
    reason += "" if succeeded else what_became(transition)
    last = Last(transition.id, transition.revision, transition.newcomer, event.phase, reason)
    behind = tuple(behind for behind in state.behind if behind.release == transition.stable)
    duty = _duty(state, transition, event, reason)
    return replace(after, held=held, behind=behind, last=last, duty=duty, owed=_owed(state))


def overtaken(state: State, transition: Transition, stable: Release) -> State:
    """Somebody said who is stable, and so a transition is over: git is told, and its file is nobody's business."""
    t, instead = transition, stable != transition.newcomer
    what = f"while {t.newcomer} was to take over from {t.stable}" if instead else f"after {t.stable}"
    last = f"; it was on its way back ({t.condition}: {t.reason})" if t.going_back else ""
    text = f"Adopted: {stable} serves, {what}, because somebody said so{last}"
    return replace(state, duty=Duty(t.id, t.revision, text, branch=t.branch), owed=_owed(state))


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


def since(state: State, stable: Release, revision: str) -> State:
    """Whoever changes what is asked for from here on is an author of what comes after this stable release."""
    return replace(state, since=state.since.replace(stable.slot, revision))
