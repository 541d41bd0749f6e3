"""The rules of drills: when one may begin, when it turns back by itself, when it is over."""

from __future__ import annotations

from reconciler.core.events import (
    DrillBegan,
    DrillEnded,
    DrillMissed,
    DrillScheduled,
    Phase,
    RequestRefused,
    RollbackBegan,
    Verb,
)
from reconciler.core.freezing import length, within
from reconciler.core.model import DrillKind, DrillPolicy, Release, Spec
from reconciler.core.reading import MemberStatus
from reconciler.core.rest import beside, rollback_refusal, trouble
from reconciler.core.situation import Answer, Record, Situation, Wait
from reconciler.core.state import Drill, Leftover

PUNCTUAL = 600.0  # seconds after its time in which a drill may still begin


# ---- the beginning ---------------------------------------------------------------------------------------------------


def note_schedule(s: Situation) -> Answer | None:
    """A schedule that was not known before: what was due earlier was not its business."""
    agenda = s.observed.agenda
    known = agenda.schedule == s.state.agenda[0]
    return None if known or s.state.stable is None else Record(DrillScheduled(agenda.schedule, agenda.due))


def due(s: Situation) -> bool:
    """By the schedule, and nothing has become of it yet."""
    agenda = s.observed.agenda
    return bool(agenda.due) and agenda.schedule == s.state.agenda[0] and agenda.due > s.state.agenda[1]


def wanted(s: Situation) -> bool:
    return s.state.drill_asked is not None or due(s)


def settled(s: Situation, otherwise: Wait) -> Answer | None:
    """It begins where everything is at rest and well, and nothing is in the way. Asked for, else it is refused; by the
    schedule it has some minutes to begin, and is not made up for. `otherwise`: what would be waited for without it."""
    asked, agenda = s.state.drill_asked, s.observed.agenda
    usual = policy(s.spec)
    kind = (asked.drill if asked else None) or usual.kind
    why = _busy(s) or _unwell(otherwise) or obstacle(s, kind)
    if asked and agenda.over:
        why = "nobody was here to begin it in time; ask again"
    late = not asked and agenda.late > PUNCTUAL
    if not why and not late:
        return _began(s, kind, usual.expires, "" if asked else agenda.due)
    if asked:
        return Record(RequestRefused(Verb.DRILL, why))
    return Record(DrillMissed(agenda.due, why or "nobody was here to begin it then")) if late else None


def _began(s: Situation, kind: DrillKind, expires: float, due: str) -> Answer:
    home, agenda = s.spec.target, s.observed.agenda
    idle = s.spec.pinned(home.slot.other)
    spare = Release(home.slot.other, idle) if idle not in (None, home.version) else None
    return Record(DrillBegan(kind, home, s.spec.digest, expires, agenda.until, agenda.now, due, spare))


def policy(spec: Spec) -> DrillPolicy:
    """Also where the manifest says nothing about drills."""
    return spec.drill or DrillPolicy(expires=max(DrillPolicy().expires, 2 * needs(spec, DrillKind.SWITCH_AND_BACK)))


def needs(spec: Spec, kind: DrillKind) -> float:
    """Seconds that it takes at most, as far as a manifest tells."""
    return (2 if kind is DrillKind.SWITCH_AND_BACK else 1) * length(spec)


def _busy(s: Situation) -> str:
    see = f"reconcile status {s.spec.environment}"
    if s.state.drill:
        return f"a drill is under way: {see}"
    return f"{s.transition.newcomer} is under way; ask again when that has ended: {see}" if s.transition else ""


def _unwell(otherwise: Wait) -> str:
    fine = otherwise.reason == "InSync"
    return "" if fine else f"first this has to be put right, {otherwise.reason}: {otherwise.message}"


def obstacle(s: Situation, kind: DrillKind) -> str:
    """Why it cannot begin although all is well, and what to do; empty when it can."""
    if why := baseless(s.spec, kind):
        return why
    if not s.state.bears(s.spec.target):
        return f"{s.spec.target} does not work with its data; commit a version that does"
    if held := s.state.is_held(s.spec.target.version):
        return f"{held.version} is held ({held.condition}): reconcile retry {s.spec.environment} -m WHY"
    hit = within(s, needs(s.spec, kind))
    if hit:
        when = f"; it opens at {hit.until}" if hit.until else ""
        return f"{needs(s.spec, kind):g} s are needed, and that does not fit in the windows: {hit.why}{when}"
    return _occupied(s)


def baseless(spec: Spec, kind: DrillKind) -> str:
    """Why there is nothing to rehearse here, and what to do; empty where there is."""
    if kind is not DrillKind.RESTORE or spec.snapshot is not None:
        return ""
    others = " or ".join(f"--kind {one}" for one in DrillKind if one is not kind)
    return f"its manifest has no `snapshot`, so there is no recovery point to put back; add spec.snapshot, or: {others}"


def _occupied(s: Situation) -> str:
    """What is in the idle slot that a drill would drive out of it."""
    home, left = s.spec.target, s.state.leftover
    idle = home.slot.other
    pinned = s.spec.pinned(idle)
    if pinned not in (None, home.version) and not _put_away(Release(idle, pinned or ""), s, left):
        return f"{idle} holds {pinned}, staged for its switch: switch to it first, or take its pin out of git"
    if left and left.release.version != home.version:
        if not left.stopped:
            return f"{left.release} is still up, after the last transition; ask again when it was stopped"
        if not rollback_refusal(s.spec, s.state, s.now):
            until = f"for {left.since + s.spec.rollback_window - s.now:g} s more"
            return f"{left.release} can still be returned to, {until}: a drill would take its place"
    unread = [m.name for m in s.spec.members if s.status(idle, m.name) is MemberStatus.UNKNOWN]
    return f"{', '.join(unread)} in {idle} cannot be read" if unread else ""


def _put_away(release: Release, s: Situation, left: Leftover | None) -> bool:
    """Git pins it, and it is not brought up there any more: the last transition left it, or it failed."""
    return s.state.is_held(release.version) is not None or (left is not None and release in (left.release, left.spare))


# ---- on the way, and the end -----------------------------------------------------------------------------------------


def turn_round(s: Situation) -> Answer | None:
    """A drill turns back by itself: where a rollback is what is rehearsed, when all is done but the soak; where a
    restore is, when that is done; and on its way out when its time is over. On its way home there is nothing better
    than to go on."""
    t, drill = s.transition, s.state.drill
    if t is None or drill is None or not t.drill or t.going_back or drill.turned:
        return None
    if expired(s, drill):
        return Record(RollbackBegan(Phase.ABORTED, "DrillExpired", "the drill's time is over", hold=False))
    rolled = drill.kind is DrillKind.ROLLBACK and t.cursor >= len(t.steps)
    if rolled or (drill.kind is DrillKind.RESTORE and t.trial is not None):
        return Record(RollbackBegan(Phase.ROLLED_BACK, "Drill", "this is what is rehearsed", hold=False))
    return None


def expired(s: Situation, drill: Drill) -> bool:
    return s.now >= drill.expires or s.observed.agenda.over


def end_drill(s: Situation) -> Answer | None:
    """Over when users are home again; before anything has begun also by a word or the clock; and at any time when git
    asks for something else that may be done."""
    drill, t = s.state.drill, s.transition
    if drill is None:
        return None
    if not s.spec.base:
        return Record(DrillEnded(Phase.SUPERSEDED, f"git asks for {s.spec.target} since {s.desired.revision[:12]}"))
    if t or (drill.turned and s.state.stable != drill.home):
        return None
    if drill.turned:
        return Record(DrillEnded(drill.phase, drill.reason))
    if s.state.abort:
        return Record(DrillEnded(Phase.ABORTED, s.state.abort))
    return Record(DrillEnded(Phase.ABORTED, "its time was over before it began")) if expired(s, drill) else None


def away(s: Situation) -> Answer | None:
    """The way home did not succeed. The same version serves, so nothing is lost; but it is not where git says."""
    drill = s.state.drill
    if drill is None or not drill.stuck or s.transition:
        return None
    message = (
        f"the drill's way home to {drill.home} did not succeed ({drill.stuck}); {s.state.stable} serves;"
        f" to try again: reconcile retry {s.spec.environment} -m WHY"
    )
    return beside(Wait("DrillAway", message, blocked=True, alert=True), trouble(s))
