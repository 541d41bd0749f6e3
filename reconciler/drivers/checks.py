"""What every gateway checks before it writes: the routing, the endpoints, and the reading that a write rests on."""

from __future__ import annotations

import re

from reconciler.core.model import Admission, Routing, Slot
from reconciler.core.reading import GatewayReading
from reconciler.drivers.local.addresses import host_and_port
from reconciler.drivers.protocols import GatewayContext
from reconciler.errors import Conflict, Fenced, Refused

PREFIX = re.compile(r"/([^?#]*[^?#/])?/?")


def check_fence(environment: str, sealed: int, generation: int) -> None:
    """Raises Fenced when a later generation has sealed."""
    if sealed > generation:
        raise Fenced(
            f"generation {sealed} owns the gateway of '{environment}'; "
            f"this is generation {generation}, which must not act any more"
        )


def check_same(found: GatewayReading, expected: GatewayReading) -> None:
    """Raises Conflict when the gateway is not what a write was computed from."""
    for what in ("incarnation", "stamp", "weights"):
        is_, was = getattr(found, what), getattr(expected, what)
        if is_ != was:
            raise Conflict(f"the gateway is not what this write was computed from: {what} is {is_}, expected {was}")


def check_routing(routing: Routing) -> None:
    """Raises Refused for what makes no sense."""
    weights = routing.weights
    if min(weights.blue, weights.green) < 0 or weights.blue + weights.green != 100:
        raise Refused(f"weights {weights.blue}/{weights.green}: expected two shares of 0 to 100 that sum to 100")
    for slot in Slot:
        if weights[slot] and routing.admission[slot] is not Admission.OPEN:
            raise Refused(f"{slot} is {routing.admission[slot]} and so takes nobody new: its weight must be 0")


def check_endpoints(context: GatewayContext) -> None:
    """Raises Refused for what a gateway would reject, or would route to somebody else."""
    where = f"the gateway of '{context.environment}'"
    if not context.endpoints:
        raise Refused(f"{where} has no weighted member to route to")
    for taken in ("member", "prefix"):
        found = [getattr(endpoint, taken) for endpoint in context.endpoints]
        for twice in sorted({one for one in found if found.count(one) > 1}):
            raise Refused(f"{where}: two members with the {taken} '{twice}'")
    for endpoint in context.endpoints:
        if not PREFIX.fullmatch(endpoint.prefix):
            raise Refused(f"{where}: '{endpoint.prefix}' is no path prefix, expected one such as /api")
        if "/" in endpoint.member or not endpoint.member:
            raise Refused(f"{where}: '{endpoint.member}' is no member's name, expected one without '/'")
        for slot in Slot:
            _check_address(f"{where}: {endpoint.member} in {slot}", endpoint.address[slot])


def _check_address(who: str, address: str) -> None:
    try:
        host_and_port(address)
    except ValueError as error:
        raise Refused(f"{who}: {error}") from error
