"""What two readings of a gateway's counters tell about the time between them. A reset is no telling, never zero."""

from __future__ import annotations

from reconciler.core.model import Pair, Slot
from reconciler.core.reading import Counters, GatewayReading


def difference(previous: Counters | None, current: Counters | None) -> Counters | None:
    """What was counted in between; `in_flight` is the current one. None: unread, or a total that fell, so a reset."""
    if previous is None or current is None:
        return None
    requests = current.requests - previous.requests
    errors = current.errors - previous.errors
    refused = current.refused - previous.refused
    if min(requests, errors, refused) < 0:
        return None
    return Counters(requests, errors, refused, current.in_flight)


def answering(previous: Counters | None, current: Counters | None) -> bool | None:
    """True: new requests were answered, at most half of them badly. False: mostly badly. None: no telling.

    Gateways differ in whether a refused connection is also counted as an error, so the larger of the two counts."""
    between = difference(previous, current)
    if between is None:
        return None
    bad = max(between.errors, between.refused)
    if not between.requests:
        return False if bad else None
    return bad * 2 <= between.requests


def between(previous: GatewayReading | None, current: GatewayReading | None) -> Pair[Counters | None]:
    """What each slot's users got between two readings. Another life of the gateway counts from zero, so its first
    reading tells nothing."""
    if previous is None or current is None or previous.incarnation != current.incarnation:
        return Pair(None, None)
    return Pair(*(difference(previous.counters[slot], current.counters[slot]) for slot in Slot))


def serving(previous: GatewayReading | None, current: GatewayReading | None) -> Pair[bool | None]:
    """`answering` for both slots. Another life of the gateway counts from zero, so its first reading tells nothing."""
    if previous is None or current is None or previous.incarnation != current.incarnation:
        return Pair(None, None)
    blue, green = (answering(previous.counters[slot], current.counters[slot]) for slot in Slot)
    return Pair(blue, green)
