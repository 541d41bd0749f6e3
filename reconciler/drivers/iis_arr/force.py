"""What is in force, read from the farms' servers and from nothing that only claims it; and how servers are to stand."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.model import Admission, Pair, Routing, Slot, Weights
from reconciler.core.reading import Counters, GatewayReading
from reconciler.drivers.entry import STRANGE, Entry, parse
from reconciler.drivers.iis_arr.plan import ALGORITHM, Behind, Plan
from reconciler.drivers.iis_arr.scripts import FarmStand, Server, Stand

AVAILABLE, DRAINS = 0, 1
LEAST = 1  # the weight of a server that gets nobody new: 0 is documented nowhere
SPLIT = Pair(0, 0)  # what nobody of us wrote: farms that do not agree, or lead nowhere


def servers(plan: Plan, routing: Routing) -> Iterator[str]:
    """How each server is to stand: FARM|ADDRESS|ENABLED|WEIGHT|STATE."""
    for behind in plan.farms:
        for slot in Slot:
            enabled, weight, state = _wanted(routing, slot, sticky=plan.sticky)
            yield f"{behind.name}|{behind.server(slot)[0]}|{str(enabled).lower()}|{weight}|{state}"


def _wanted(routing: Routing, slot: Slot, *, sticky: bool) -> tuple[bool, int, int]:
    """Without weight it is disabled, which lasts. Only a server that keeps its clients has to stay enabled: that it
    gets nobody new, the worker process alone knows, and forgets with its end; then it has the least share there is."""
    if weight := routing.weights[slot]:
        return True, weight, AVAILABLE
    if sticky and routing.admission[slot] is Admission.DRAINING:
        return True, LEAST, DRAINS
    return False, LEAST, AVAILABLE


def entry(text: str) -> Entry | None:
    """None: never written. What was changed by hand past recognition equals nothing that we ever wrote."""
    try:
        return parse(text) if text else None
    except ValueError:
        return STRANGE


def reading(plan: Plan, stand: Stand) -> GatewayReading:
    """The map is asked for stamp and fallback only, and for what a slot without weight is to be."""
    found, now = entry(stand.entry) or Entry(), weights(plan, stand)
    if found.routing is None and now == SPLIT:
        return GatewayReading(True, None, incarnation=stand.worker)
    routing = found.routing or Routing(now)
    return GatewayReading(
        up=True,
        weights=now,
        admission=admission(plan, stand, routing.admission),
        fallback=routing.fallback,
        incarnation=stand.worker,
        stamp=found.stamp,
        counters=counters(plan, stand),
        ejected=ejected(plan, stand),
    )


def weights(plan: Plan, stand: Stand) -> Weights:
    """By which users are drawn now: of enabled and available servers, in all farms alike."""
    found = {_share(behind, one) for behind, one in _farms(plan, stand)}
    return found.pop() if len(found) == 1 else SPLIT


def _share(behind: Behind, stand: FarmStand) -> Weights:
    each = Pair(*(_weight(_server(behind, stand, slot)) for slot in Slot))
    whole = each.blue + each.green
    drawn_by_weight = stand.algorithm == ALGORITHM or not (each.blue and each.green)
    if not (stand.there and stand.enabled and whole and drawn_by_weight):
        return SPLIT
    green = round(100 * each.green / whole)
    green = min(max(green, 1 if each.green else 0), 99 if each.blue else 100)  # a small share is no share of none
    return Pair(100 - green, green)


def _weight(one: Server | None) -> int:
    return one.weight if one and one.enabled and one.state in (AVAILABLE, None) else 0


def admission(plan: Plan, stand: Stand, said: Pair[Admission]) -> Pair[Admission]:
    """Who keeps its clients is what the servers say; who may have new ones is what was written."""
    return Pair(*(_admission(plan, stand, said[slot], slot) for slot in Slot))


def _admission(plan: Plan, stand: Stand, said: Admission, slot: Slot) -> Admission:
    if said is Admission.OPEN or not plan.sticky:
        return said
    found = [_server(behind, one, slot) for behind, one in _farms(plan, stand)]
    kept = any(one and one.enabled for one in found)
    return Admission.DRAINING if kept else Admission.CLOSED


def ejected(plan: Plan, stand: Stand) -> Pair[bool]:
    """Has a health test of ARR's taken a server out that is to have users? We set none up; somebody may have."""

    def out(slot: Slot) -> bool:
        found = (_server(behind, one, slot) for behind, one in _farms(plan, stand))
        return any(one is not None and one.enabled and one.healthy is False for one in found)

    return Pair(*(out(slot) for slot in Slot))


def counters(plan: Plan, stand: Stand) -> Pair[Counters | None]:
    """Summed over the farms; without one of them: None, and not zero. Probes go past the farms, and are not in it."""
    return Pair(*(_counters(plan, stand, slot) for slot in Slot))


def _counters(plan: Plan, stand: Stand, slot: Slot) -> Counters | None:
    requests = failed = flying = 0
    for behind, farm in _farms(plan, stand):
        one = _server(behind, farm, slot)
        if one is None or one.total is None or one.failed is None or one.current is None:
            return None
        requests, failed, flying = requests + one.total, failed + one.failed, flying + one.current
    return Counters(requests=requests, errors=failed, refused=0, in_flight=flying)


def _farms(plan: Plan, stand: Stand) -> Iterator[tuple[Behind, FarmStand]]:
    return zip(plan.farms, stand.farms, strict=True)


def _server(behind: Behind, stand: FarmStand, slot: Slot) -> Server | None:
    return stand.server(behind.server(slot)[0])
