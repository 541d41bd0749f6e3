"""The rules of going back by hand: somebody moved all traffic with a transition's own script, as nothing else did.

What the script leaves behind says so (`Stamp.by_hand`), until the next write of ours. It is no drift: whoever did it
knew why. It goes on record, everything stands still, and a person says when it goes on.
"""

from __future__ import annotations

from reconciler.core.arriving import needs_person
from reconciler.core.back import go_back
from reconciler.core.events import MovedByHand, Phase, RollbackBegan
from reconciler.core.members import at_rest, whole
from reconciler.core.migrating import note_migration
from reconciler.core.model import all_on
from reconciler.core.reading import GatewayReading
from reconciler.core.situation import Answer, Do, Record, Situation, Wait
from reconciler.core.state import Word
from reconciler.core.steps import Route


def moved_by_hand(s: Situation) -> Answer | None:
    """Somebody moved all traffic while we were away: on record, and everything stands still. Where it went back to
    stable the transition is over; what else belongs to that is not touched before `resume`."""
    gateway, stable, t = _moved(s), s.state.in_charge, s.transition
    if gateway is None or gateway.weights is None or stable is None:
        return None
    if s.state.by_hand is Word.NONE:
        return Record(MovedByHand(gateway.weights, gateway.admission))
    if not _fits(s, gateway):
        return _undecided(s) if s.state.suspended and s.state.adopt is None and not _ordered(s) else None
    if t and not t.going_back:
        reason = f"somebody moved all traffic back to {stable} by hand"
        return Record(RollbackBegan(Phase.ROLLED_BACK, "MovedByHand", reason, hold=t.drill is None))
    step = (note_migration(s) or go_back(s)) if s.state.suspended else None
    return step if isinstance(step, Record) else None


def stand_back(s: Situation) -> Answer | None:
    """Moved by hand to where stable is not: never healed. Only a person can say which slot is good."""
    gateway = _moved(s)
    return None if gateway is None or _fits(s, gateway) or _ordered(s) else _undecided(s)


def take_back(s: Situation) -> Answer | None:
    """After a move by hand somebody has said `resume`: the gateway is written by us again, at the same weights."""
    gateway, stable = _moved(s), s.state.in_charge
    if gateway is None or stable is None or not gateway.up or not _fits(s, gateway):
        return None
    routing = whole(stable.slot) if s.transition else at_rest(s, stable)
    return Do(Route(gateway.weights, routing), f"it was moved back to {stable} by hand, and goes on from there")


def _moved(s: Situation) -> GatewayReading | None:
    """The gateway, if it was moved by hand since our last write. Another journal's is nobody's to judge here."""
    gateway = s.gateway
    stamp = gateway.stamp if gateway and gateway.weights else None
    return gateway if stamp and stamp.by_hand and stamp.journal == s.state.journal else None


def _fits(s: Situation, gateway: GatewayReading) -> bool:
    """It went back to stable, and stable works with the data."""
    t, stable = s.transition, s.state.in_charge
    one_way = t is not None and t.one_way and not t.going_back
    return stable is not None and gateway.weights == all_on(stable.slot) and not one_way


def _ordered(s: Situation) -> bool:
    """Somebody has said `abort` since: that says where to."""
    t = s.transition
    return s.state.by_hand is Word.GIVEN and t is not None and t.going_back and t.condition == "Aborted"


def _undecided(s: Situation) -> Wait:
    stable, then = s.state.in_charge, f", then: reconcile resume {s.spec.environment}" if s.state.suspended else ""
    there = stable is not None and s.all_traffic_on(stable.slot)
    amiss = (
        f"to {stable}, which does not work with the data any more" if there else f"and not to {stable}, which is stable"
    )
    return needs_person(s, f"somebody moved all traffic by hand, {amiss}", then)
