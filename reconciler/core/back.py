"""The rule of the way back: users first, in one step; then the owners; then the record. It never gives up by itself."""

from __future__ import annotations

from reconciler.core.events import DriftFound, Ended
from reconciler.core.members import released
from reconciler.core.migrating import unfinished
from reconciler.core.model import Admission, Pair, Routing, all_on, share
from reconciler.core.reading import GatewayReading, MemberStatus
from reconciler.core.situation import Answer, Do, Record, Situation, Wait
from reconciler.core.state import Transition
from reconciler.core.steps import Route


def go_back(s: Situation) -> Answer | None:
    """All traffic to stable, exclusive members back to stable, then Ended."""
    t = s.transition
    if t is None or not t.going_back:
        return None
    return _traffic(s, t) or released(s, t.stable) or unfinished(s, t) or Record(Ended(t.ends, t.reason))


def _traffic(s: Situation, t: Transition) -> Answer | None:
    gateway, newcomer = s.gateway, t.newcomer.slot
    if gateway is None:
        return Wait("GatewayUnreachable", s.observed.detail, alert=True)
    moved = gateway.weights == all_on(t.stable.slot)
    if moved and gateway.admission[newcomer] is Admission.CLOSED and gateway.fallback is None:
        return None
    doubt = (None if moved else blind(s, t)) or _strangers(s, t, gateway)
    admission = Pair(Admission.OPEN, Admission.OPEN).replace(newcomer, Admission.CLOSED)
    return doubt or Do(Route(gateway.weights, Routing(all_on(t.stable.slot), admission)), f"{t.condition}: {t.reason}")


def _strangers(s: Situation, t: Transition, gateway: GatewayReading) -> Record | None:
    """Weights that somebody else left: on record before they are overwritten, which needs no new look."""
    found, ours = gateway.weights, share(t.newcomer.slot, t.rung)
    told = s.state.drift is not None and s.state.drift.found == found
    return None if told or found in (None, ours) else Record(DriftFound(ours, found, gateway.admission))


def blind(s: Situation, t: Transition) -> Wait | None:
    """Why traffic must not go to stable now, if so: it is known bad, or nobody can tell."""
    slot = t.stable.slot
    if s.runs(t.stable):
        return None
    if s.misfits(t.stable):
        found = s.reading(slot, s.misfits(t.stable)[0]).version
        return Wait("StableDegraded", f"{slot} runs {found}, not {t.stable.version}", blocked=True, alert=True)
    if s.having(slot, MemberStatus.STOPPED):
        return Wait("StableDegraded", f"{t.stable} {_starting(s, t)}", alert=True)
    if s.having(slot, MemberStatus.UNKNOWN):
        return _by_counters(s, t)
    dead = s.having(t.newcomer.slot, MemberStatus.STOPPED)
    if dead:  # nothing is lost by trying: the newcomer answers nobody
        return None
    stays = f"{t.stable} is not ready: traffic stays where it is; {_way_out(s, t)}"
    return Wait("StableDegraded", stays, alert=True)


def _starting(s: Situation, t: Transition) -> str:
    """Whether stable will come up by itself."""
    refusal = s.state.refusal
    if refusal and getattr(refusal.act, "slot", None) is t.stable.slot:
        return f"cannot be started: {refusal.reason}; {_way_out(s, t)}"
    return "is being started"


def _way_out(s: Situation, t: Transition) -> str:
    """Where a rollback has nowhere to go, only a person can say that the newcomer is to stay."""
    return f"if {t.newcomer} is to stay: reconcile adopt {s.spec.environment} --stable {t.newcomer.slot}"


def _by_counters(s: Situation, t: Transition) -> Wait | None:
    """The host cannot tell; the gateway has seen stable's answers, or it has not."""
    if s.observed.serving[t.stable.slot]:
        return None
    known = s.observed.serving[t.stable.slot] is False
    reason = "answers users with errors" if known else "cannot be read, and the gateway's counters tell nothing"
    return Wait("StableDegraded" if known else "StableUnknown", f"{t.stable} {reason}", blocked=True, alert=True)
