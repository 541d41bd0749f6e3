"""The forced roads: what a probe sends to come to one slot, whatever the weights, and what it is told."""

from __future__ import annotations

from reconciler.core.model import Slot

ROAD_HEADER = "x-reconciler-road"  # forces a slot; its value holds the secret
UPSTREAM_HEADER = "x-reconciler-upstream"  # who really answered a probe


def road(secret: str, slot: Slot) -> str:
    """The value of the header that leads to a slot."""
    return f"{secret}-{slot}"
