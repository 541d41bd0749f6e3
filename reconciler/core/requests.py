"""What a person's word leaves in memory: folded like everything else, so it works whether or not a loop runs."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.events import Requested, Verb
from reconciler.core.model import Pause
from reconciler.core.state import State, Word

ANSWERS = (Verb.RESUME, Verb.ABORT, Verb.ADOPT)  # to the question that a move by hand leaves


def requested(state: State, request: Requested) -> State:
    """What is asked for is kept until a rule has done it, or refused it."""
    reason = request.reason or "by an operator"
    if request.verb in ANSWERS and state.by_hand is Word.AWAITED and not request.override:
        state = replace(state, by_hand=Word.GIVEN)
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
        case Verb.ABORT if transition or _unbegun(state):  # on the way back too: a suspended one goes on
            return replace(state, abort=reason)
        case Verb.ROLLBACK if moving:
            return replace(state, abort=request.reason or "by an operator, who typed rollback")
        case Verb.ROLLBACK if state.transition is None:
            return replace(state, rollback=reason, request_refused="")
        case Verb.PROMOTE if transition and moving and isinstance(transition.step, Pause):
            return replace(state, promote=True)
        case Verb.RETRY:
            drill = replace(state.drill, stuck="") if state.drill else None
            state = replace(state, held=(), refusal=None, untold=(), accept_rewritten=request.accept_rewritten)
            state = replace(state, drill=drill)
            return replace(state, duty=replace(state.duty, good="") if state.duty else None)  # it may be asked for
        case Verb.ADOPT:
            return replace(state, adopt=request.slot, request_refused="")
        case Verb.HANDOVER:
            return replace(state, forced=request.slot)
        case Verb.DRILL:
            return replace(state, drill_asked=request, request_refused="")
        case Verb.DOWN:
            return _down(state, reason)
        case _:
            return state


def _unbegun(state: State) -> bool:
    """A drill that has moved nothing yet."""
    return state.drill is not None and not state.drill.turned


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
