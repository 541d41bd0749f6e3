"""The rule of windows: no step forward while one is closed, and no beginning that would not end in time.

The wall clock is only ever heard here, as readings in watched seconds, and only forward steps wait for it: measuring
and the way back never do.
"""

from __future__ import annotations

from reconciler.core.events import Froze, Phase, Thawed
from reconciler.core.model import Analysis, HandOver, Pause, Spec, Stage
from reconciler.core.reading import Closed
from reconciler.core.situation import Answer, Record, Situation, Wait
from reconciler.core.state import Transition


def freeze(s: Situation) -> Answer | None:
    """A transition that has begun stands still while a window is closed; one of which nothing is done yet also while
    all of it would not fit any more. The soak only measures, and goes on."""
    t, hit = s.transition, shut(s)
    if t is None or t.going_back:
        return None
    if hit is None:
        return Record(Thawed()) if t.frozen else None
    return frozen(s, hit) if t.frozen else Record(Froze(hit.why, hit.until))


def shut(s: Situation) -> Closed | None:
    """What keeps the transition from its next step forward."""
    t = s.transition
    if t is None or t.phase is Phase.SOAKING:
        return None
    return closed(s, length(s.spec) if untouched(t) else 0.0)


def may_begin(s: Situation) -> bool:
    """In closed windows only what waits for somebody to approve its beginning: that can be done beforehand."""
    return asks_first(s.spec) or closed(s, length(s.spec)) is None


def asks_first(spec: Spec) -> bool:
    """Nothing is done for a newcomer before somebody has approved it."""
    return spec.approvals is not None and Stage.PREFLIGHT in spec.approvals.before


def untouched(t: Transition) -> bool:
    """Nothing was done for it yet, but perhaps agreed to."""
    return not (t.rung or t.starts or t.begun or t.cursor or t.passed or t.saving or t.saved)


def closed(s: Situation, needed: float) -> Closed | None:
    """What is closed now, or closes before `needed` seconds are over. An override is about one desired state."""
    if s.state.override and s.state.override[0] in (s.spec.digest, s.spec.base):
        return None
    return within(s, needed)


def within(s: Situation, needed: float) -> Closed | None:
    """The same, whatever was overridden."""
    ahead = [one for one in s.observed.closed if one.ends is None or one.ends > s.now]
    return next((one for one in ahead if one.begins <= s.now + needed), None)


def length(spec: Spec) -> float:
    """Seconds that a transition takes at most, as far as its manifest tells: what waits for people, and how long
    members take to start and to let go beyond `drainTimeout`, nobody knows beforehand."""
    steps = sum(_seconds(spec, step) for step in spec.steps)
    return spec.warm_up + steps + spec.soak


def _seconds(spec: Spec, step: object) -> float:
    match step:
        case Pause(duration):
            return duration or 0.0
        case Analysis(at_most):
            return at_most
        case HandOver():
            return spec.drain_timeout
        case _:
            return 0.0


def frozen(s: Situation, hit: Closed) -> Wait:
    """`until` is when to look again; whether all of it fits then is another question."""
    needed, name = length(s.spec), s.spec.environment
    early = hit.begins > s.now
    when = f"{needed:g} s are needed, and before that it closes" if early else "closed now"
    opens = f"; it opens at {hit.until}" if hit.until else "; no end is known"
    message = f"{when}: {hit.why}{opens}; or: reconcile resume {name} --override-freeze -m WHY"
    return Wait("Frozen", message, until=hit.ends, blocked=True)
