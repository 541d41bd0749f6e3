"""Where the gateway stood, by the journal alone, and what was done in view of it: laws 7 and 10.

The journal knows for certain only what was read back. Beside that the gateway may stand as a write would have it whose
outcome nobody knows, or as somebody else was seen to have left it: all of this is `possible`. A breach is what no
possibility excuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.events import Adopted, Applied, DriftFound, Intended, MovedByHand
from reconciler.core.model import Slot, Weights
from reconciler.core.steps import Result, Route, Stop
from reconciler.evidence.step import Step

Possible = frozenset[Weights]  # empty: nothing is known, and anything may be so
REOPENED = "reopen-gateway"  # nobody is served meanwhile: what is found there stands in the write itself
REFIT = "start-stable"  # this rule empties stable's own slot of what is not stable, where nobody is served


def misplaced(steps: Sequence[Step]) -> Iterator[tuple[int, Step, str]]:
    """(law, where, what): every command that did not fit what stood there."""
    possible: Possible = frozenset()
    for step in steps:
        yield from ((7, step, said) for said in _overwrites(step, possible))
        yield from ((10, step, said) for said in _stops(step, possible))
        possible = _after(step, possible)


def _after(step: Step, possible: Possible) -> Possible:
    """What may stand there once this entry is written."""
    event, written = step.entry.event, _written(step)
    if isinstance(event, Adopted):
        return frozenset()
    if isinstance(event, DriftFound | MovedByHand):
        return possible | {event.found} if event.found else possible
    if not isinstance(event, Applied) or written is None or event.result is Result.REFUSED:
        return possible
    if event.result is Result.DONE:
        return frozenset({written.after.weights})
    return possible and possible | {written.after.weights}


def _written(step: Step) -> Route | None:
    """The write whose outcome this entry is."""
    intent = step.before.intent if isinstance(step.entry.event, Applied) else None
    return intent.act if intent and isinstance(intent.act, Route) else None


def _overwrites(step: Step, possible: Possible) -> Iterator[str]:
    """A write was done, and what it had been computed from was not there. One that moves nobody overwrites nothing."""
    written, event, intent = _written(step), step.entry.event, step.before.intent
    done = isinstance(event, Applied) and event.result is Result.DONE
    if written is None or written.before is None or not done or (intent and intent.rule == REOPENED):
        return
    if possible and written.before not in {*possible, written.after.weights}:
        stood = " or ".join(sorted(_shown(one) for one in possible))
        yield f"a write that was computed from {_shown(written.before)} was done, and the gateway stood at {stood}"


def _stops(step: Step, possible: Possible) -> Iterator[str]:
    """Users are led away first, for certain; and the way back is stopped by nobody's plan."""
    slot = stopped(step)
    if slot is None:
        return
    stable = step.before.in_charge
    if stable and slot is stable.slot:
        yield f"{stable} is stopped, and it is the way back"
    weights = [one[slot] for one in possible]
    if weights and min(weights) > 0:
        yield f"{slot} is stopped with a weight of {min(weights)}"
    elif step.before.closed[slot] is None:
        yield f"{slot} is stopped, and still admits users"


def stopped(step: Step) -> Slot | None:
    """The slot whose web members are stopped here while users are served. `down`, a beginning, and an adoption that is
    not through yet are no such times; where a gateway is down at a beginning, the journal does not tell."""
    state, event = step.before, step.entry.event
    if not isinstance(event, Intended) or not isinstance(event.act, Stop) or event.rule == REFIT:
        return None
    if step.exclusive.issuperset(event.act.members):  # workers serve no users
        return None
    return None if state.stable is None or state.down or state.claim else event.act.slot


def _shown(weights: Weights) -> str:
    return f"blue {weights.blue} %, green {weights.green} %"
