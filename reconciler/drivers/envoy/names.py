"""What the static configuration, the routes and the counters must call by one name."""

from __future__ import annotations

from reconciler.core.model import Slot

LISTENER = "users"  # the listener, and the prefix of its statistics
CERTIFICATE = "certificate"  # the secret that the listener shows, and the file that holds it
ROUTES = "routes"  # the route configuration, and the file that holds it


def plain(member: str, slot: Slot) -> str:
    """The cluster for users of a slot that nobody stands in for."""
    return f"{member}/{slot}"


def guarded(member: str, slot: Slot) -> str:
    """The same place for users, but given up for a moment at the first failure to reach it."""
    return f"{member}/{slot}/guarded"


def first(member: str, slot: Slot) -> str:
    """`guarded`, and the other slot's `plain` while that is given up."""
    return f"{member}/{slot}/first"


def probe(member: str, slot: Slot) -> str:
    """The cluster for probes, so that they are never counted as users."""
    return f"{member}/{slot}/probe"
