"""What one look tells of users: could they be served, and what did they get since the look before?"""

from __future__ import annotations

from enum import StrEnum

from reconciler.core.model import Pair, Slot, Spec, Traffic
from reconciler.core.reading import Counters, MemberStatus, Observed
from reconciler.core.state import State
from reconciler.core.tally import Tally, Users

BRIDGE = 60.0  # seconds: over a longer time without a look, requests that were answered show nothing,
EACH = 5.0  # nor where there were fewer than one in so many seconds


class Service(StrEnum):
    """Could anybody serve, as read?"""

    UP = "up"  # a slot that gets users was ready, or the gateway counted that it answers them
    OUT = "out"  # nobody could
    UNCLEAR = "unclear"  # it was not to be seen
    OFF = "off"  # nobody was to be served: stopped by a word, or not begun yet


def tally(seconds: float, found: Service, counted: Pair[Counters | None]) -> Tally:
    """One look: the time since the one before was as it was read at its end. `counted`: by the gateway in between."""
    known = None not in (counted.blue, counted.green)
    users = Pair(*(_users(counted[slot]) for slot in Slot))
    spent = {each.value: seconds if each is found else 0.0 for each in Service}
    return Tally(**spent, users=users, uncounted=0.0 if known else seconds)


def bridge(
    watched: float, missed: float, ends: tuple[Service, Service], counted: Pair[Counters | None], held: int = 0
) -> Tally:
    """Of the seconds between two looks, those that were `missed`, mostly as a step of our own took long: they have no
    state, and their requests are in the next look's tally. That users could be served then is shown only by their being
    answered in all of the time between, and nobody badly, if they could be at both `ends`, too. It is not shown when
    they were: whether they were all the while, only an evidence pack can tell. `held`: how many were in flight at the
    first look; connections that live long, as of event streams, are so at both."""
    blue, green = counted.blue, counted.green
    if blue is None or green is None:
        return Tally()
    both = Tally(users=Pair(_users(blue), _users(green)))
    requests, failed = both.requests
    over = requests - max(0, blue.in_flight + green.in_flight - held)  # counted when sent on, not when answered
    often = missed <= BRIDGE and watched + missed <= EACH * over
    shown = often and not failed and ends == (Service.UP, Service.UP)
    return Tally(bridged=missed, answered=missed if shown else 0.0)


def service(spec: Spec, observed: Observed, state: State) -> Service:
    """Could users be served at this look? A slot that is ready and answers badly counts as serving: those are failed
    requests, not downtime."""
    gateway = observed.gateway
    if gateway is None:
        return Service.UNCLEAR
    if state.down or (state.in_charge is None and not gateway.up):
        return Service.OFF
    weights = gateway.weights
    if not gateway.up or weights is None:
        return Service.OUT
    found = [_serves(spec, observed, slot) for slot in Slot if weights[slot] or gateway.fallback is slot]
    if True in found:
        return Service.UP
    return Service.UNCLEAR if None in found else Service.OUT


def _serves(spec: Spec, observed: Observed, slot: Slot) -> bool | None:
    """What users got counts more than what members say of themselves. None: no telling."""
    if observed.serving[slot]:
        return True
    readings = zip(spec.members, observed.members[slot], strict=False)
    said = {reading.status for member, reading in readings if member.traffic is Traffic.WEIGHTED}
    if said - {MemberStatus.READY, MemberStatus.UNKNOWN}:
        return False
    return None if MemberStatus.UNKNOWN in said else True


def _users(counted: Counters | None) -> Users:
    """Gateways differ in whether a refused connection is an error too, so the larger of the two counts."""
    return Users(counted.requests, max(counted.errors, counted.refused)) if counted else Users()
