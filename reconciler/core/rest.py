"""Rules between transitions: drift, owners, the late rollback, the next beginning, the idle slot."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.approving import wanting
from reconciler.core.events import Began, DriftFound, RequestRefused, Retired, Verb
from reconciler.core.freezing import asks_first, closed, frozen, length, may_begin
from reconciler.core.members import at_rest, nobodys, owned, prepare, take_over, vacate
from reconciler.core.model import Admission, DriftMode, HandOver, Release, Routing, Spec, Traffic, all_on
from reconciler.core.reading import MemberStatus
from reconciler.core.situation import RUNNING, Answer, Do, Record, Situation, Wait
from reconciler.core.state import State, Transition
from reconciler.core.steps import Route, StageFiles, Stop
from reconciler.core.telling import pending, unnoted


def drift_at_rest(s: Situation) -> Answer | None:
    """Somebody else moved the weights: on record first, then healed towards stable (`warn`: only said)."""
    stable, gateway = s.state.stable, s.gateway
    if stable is None or s.transition or gateway is None or s.all_traffic_on(stable.slot):
        return None
    if s.spec.drift is DriftMode.DISABLED:
        return None
    if s.state.drift is None or s.state.drift.found != gateway.weights:
        return Record(DriftFound(all_on(stable.slot), gateway.weights, gateway.admission))
    if s.spec.drift is DriftMode.WARN:
        return Wait("Drifted", "somebody else changed the weights (driftDetection: warn)", blocked=True, alert=True)
    if not s.runs(stable):
        message = f"{stable} is not ready to take the traffic back"
        return Wait("StableDegraded", message, blocked=bool(s.misfits(stable)), alert=True)
    return Do(Route(gateway.weights, at_rest(s, stable)), "heal drift")


def withdraw_fallback(s: Situation) -> Answer | None:
    """At rest no slot stands in for the other: a fail-over outside a transition would leave no record."""
    stable, gateway = s.state.stable, s.gateway
    if stable is None or s.transition or gateway is None or gateway.fallback is None or gateway.weights is None:
        return None
    admission = gateway.admission
    if admission[stable.slot.other] is Admission.OPEN:
        admission = admission.replace(stable.slot.other, Admission.DRAINING)
    return Do(Route(gateway.weights, Routing(gateway.weights, admission)), "the transition is over")


def keep_owners(s: Situation) -> Answer | None:
    """At rest stable owns every exclusive member; under way one that nobody owns goes back to stable, or to the
    newcomer that was its owner.

    One that will not start stops nothing else: a fix must still be able to come.
    """
    t = s.transition
    if s.state.in_charge is None or (t and t.going_back):
        return None
    for name in s.spec.names(Traffic.EXCLUSIVE):
        owner = _keeper(s, t, name) if t else s.state.stable
        step = take_over(s, name, owner) if owner else None
        if isinstance(step, Do) and not s.too_soon(step.act):
            return step
    return None


def _keeper(s: Situation, t: Transition, name: str) -> Release | None:
    """Whose a member is that nobody owns; None while somebody does, while it is just changing hands, and where stable's
    would have to work on data that it does not bear."""
    if not nobodys(s, name):
        return None
    if name in t.handed:
        return t.newcomer
    stands = s.state.paused or t.holding_since is not None or t.frozen or wanting(s, t)
    moving = not stands and isinstance(t.step, HandOver) and name in t.step.members
    return None if moving or t.alone else t.stable


def late_rollback(s: Situation) -> Answer | None:
    """`reconcile rollback` after a success: one step back to what was stable before, if it can still be had."""
    stable, left = s.state.stable, s.state.leftover
    if stable is None or s.transition or not s.state.rollback:
        return None
    reason = rollback_refusal(s.spec, s.state, s.now)
    if reason or left is None:
        return Record(RequestRefused(Verb.ROLLBACK, reason))
    asked = s.state.asked_for(stable)
    return Record(Began(name(s, stable), left.release, stable, s.spec.digest, asked, (), back=s.state.rollback))


def rollback_refusal(spec: Spec, state: State, now: float) -> str:
    """Why a late rollback cannot be done, with the commit to make instead; empty when it can."""
    stable, left = state.stable, state.leftover
    if stable is None:
        return "nothing serves yet"
    instead = f"commit instead: pin a good version in {stable.slot.other} and set activeSlot: {stable.slot.other}"
    if state.outgrown:
        works = f"{left.release} does" if left else "no earlier release does"
        return f"the data was migrated for {stable}, and {works} not work with it; {instead}"
    if left is None or not left.good:
        return f"there is no earlier release to return to; {instead}"
    if left.release.version == stable.version:
        return f"{left.release} is the very version that serves; {instead}"
    if spec.pinned(left.release.slot) != left.release.version:
        return f"{left.release} is no longer pinned in git; {instead}"
    if now > left.since + spec.rollback_window:
        return f"the rollback window of {spec.rollback_window:g} s is over; {instead}"
    return ""


def begin(s: Situation) -> Answer | None:
    """Git asks for another slot than stable: a transition begins, unless that version is held or we are paused."""
    stable, target = s.state.stable, s.spec.target
    drill = s.state.drill if s.spec.base else None
    home = drill is not None and drill.turned  # whatever has become of git's head meanwhile
    if stable is None or s.transition or target == stable or (s.refused and not home):
        return None
    fit = s.runs(stable) or not s.state.bears(stable)
    if s.state.is_held(target.version) or s.state.paused or not fit or not may_begin(s):
        return None  # while a way back has to be up nothing begins, and a newcomer is not blamed for stable's state
    steps = s.spec.steps
    migrates, asked = s.spec.migration is not None, s.state.asked_for(target)
    event = Began(name(s, target), stable, target, s.spec.digest, asked, steps, migrates=migrates)
    if drill and s.state.accepted:
        event = replace(event, revision=s.state.accepted.revision, drill=drill.kind)
    return Record(event)


def name(s: Situation, newcomer: Release) -> str:
    """A transition's id: unique in its journal, readable, and fit for a folder's name."""
    return f"{s.state.seq + 1:06d}-{newcomer.slot}-{newcomer.version.replace('#', '-')}"


def retire(s: Situation) -> Answer | None:
    """What the last transition left behind is stopped after `scaleDownDelay`, once nobody is in flight there."""
    left, stable = s.state.leftover, s.state.stable
    if s.transition or stable is None or left is None or left.stopped or s.now < left.since + s.spec.scale_down_delay:
        return None
    slot = left.release.slot
    alive = s.having(slot, *RUNNING) + s.standing(slot, *RUNNING)
    if alive:
        return vacate(s, slot) or Do(Stop(slot, tuple(alive)), f"{left.release} is no longer needed")
    if s.having(slot, MemberStatus.UNKNOWN) or s.standing(slot, MemberStatus.UNKNOWN):
        return Wait("MemberUnknown", f"whether {left.release} has stopped cannot be read")
    return Record(Retired(slot))


def stage_idle(s: Situation) -> Answer | None:
    """A pin of the idle slot is brought up without traffic, so that its switch needs no waiting."""
    stable, left = s.state.stable, s.state.leftover
    if stable is None or s.transition or s.state.paused:
        return None
    idle = stable.slot.other
    version = s.spec.pinned(idle)
    if version is None or s.state.is_held(version) or (left and Release(idle, version) in (left.release, left.spare)):
        return None
    if left and not (left.good or left.stopped) and any(version in held.before for held in s.state.held):
        return None  # its file was put back: what failed stays up for study, until it is retired
    step = prepare(s, Release(idle, version))
    files = isinstance(step, Do) and isinstance(step.act, StageFiles)
    return step if files or not _unstarted(s, Release(idle, version)) else None


def _unstarted(s: Situation, release: Release) -> bool:
    """Its files may be there, and no more: it starts on migrated data only, or on saved ones; or it is what is to
    serve, and then not before somebody has approved its beginning, and a window is open."""
    if s.spec.migration is not None or s.spec.snapshot is not None:
        return True
    return release == s.spec.target and (asks_first(s.spec) or closed(s, length(s.spec)) is not None)


def held_target(s: Situation) -> Answer | None:
    """Git still asks for a version that failed here: nothing moves until another is pinned, or `retry`."""
    held = s.state.is_held(s.spec.target.version)
    if held is None or s.spec.target == s.state.stable:
        return None
    message = (
        f"{s.spec.target} is held ({held.condition}: {held.reason});"
        f" set activeSlot back, pin another version, or: reconcile retry {s.spec.environment} -m WHY"
    )
    kept = pending(s)
    told = f"{message}; RevertPending: {kept}" if kept else message
    return beside(Wait("RevisionHeld", f"{told}{_silent(s)}", blocked=True), trouble(s))


def rest(s: Situation) -> Answer | None:
    """Nothing to do. Says so, or says what stands in the way."""
    amiss = trouble(s)
    if s.refused:
        return beside(s.refused, amiss)
    if s.state.paused:
        message = f"{s.state.paused}; go on with: reconcile resume {s.spec.environment}"
        return beside(Wait("Paused", message, blocked=True), amiss)
    if s.spec.target != s.state.stable and (hit := closed(s, length(s.spec))):
        return beside(frozen(s, hit), amiss)
    return amiss or Wait("InSync", f"{s.state.stable} serves{_silent(s)}", until=_next_timer(s))


def _silent(s: Situation) -> str:
    """What git does not say yet, where that is all that is missing."""
    why = unnoted(s)
    return f"; NotePending: {why}" if why else ""


def beside(wait: Wait, amiss: Wait | None) -> Wait:
    """What a person is waited for must not hide that something is broken, too."""
    return replace(wait, message=f"{wait.message}; and {amiss.message}", alert=True) if amiss else wait


def trouble(s: Situation) -> Wait | None:
    """What is not well with stable: its members, its owners, its users' weights."""
    stable = s.state.stable
    if stable is None:
        return None
    if not s.runs(stable):
        bad = s.having(stable.slot, MemberStatus.UNREADY, MemberStatus.UNKNOWN, MemberStatus.STOPPING)
        detail = f": {', '.join(bad)}" if bad else " at its version"
        other = f"if {stable.slot.other} is good: reconcile adopt {s.spec.environment} --stable {stable.slot.other}"
        amiss = bool(s.misfits(stable))  # it runs something else: only a person puts that right
        return Wait("StableDegraded", f"{stable} is not ready{detail}; {other}", blocked=amiss, alert=True)
    step = owned(s, stable)
    if step:
        return replace(step, alert=True) if isinstance(step, Wait) else _ownerless(s, step)
    disabled = s.spec.drift is DriftMode.DISABLED
    if disabled and s.gateway and s.gateway.weights and not s.all_traffic_on(stable.slot):
        return Wait("Drifted", f"users are not all on {stable}, and driftDetection is disabled", blocked=True)
    return None


def _ownerless(s: Situation, step: Do) -> Wait:
    """What is to be done about it; or why that was refused."""
    refusal = s.state.refusal
    refused = f", and was refused: {refusal.reason}" if refusal and refusal.act == step.act else ""
    return Wait("OwnerMissing", f"{step.because}{refused}", alert=True)


def _next_timer(s: Situation) -> float | None:
    left = s.state.leftover
    return left.since + s.spec.scale_down_delay if left and not left.stopped else None
