"""What a gateway adds to requests and answers: the forced roads, by which a probe comes to one slot whatever the
weights and is told who answered; and the cookie by which a client stays in its slot."""

from __future__ import annotations

from reconciler.core.model import Slot

ROAD_HEADER = "x-reconciler-road"  # forces a slot; its value holds the secret
UPSTREAM_HEADER = "x-reconciler-upstream"  # who really answered a probe
STICKY_COOKIE = "reconciler-"  # how its name begins; the environment's follows


def road(secret: str, slot: Slot) -> str:
    """The value of the header that leads to a slot."""
    return f"{secret}-{slot}"
