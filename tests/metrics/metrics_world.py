"""One look at an environment in mid-transition, as values, and the parts of a page around it."""

from __future__ import annotations

from dataclasses import replace

from core_world import at, switching

from reconciler.core.conditions import status
from reconciler.core.model import Outcome, Pair
from reconciler.core.plan import decide
from reconciler.core.reading import Counters, GateReading, Measure, Observed
from reconciler.metrics.board import Seen

MEASURES = (
    Measure("latency_seconds", 0.25, ("users", "95")),
    Measure("requests", 40, ("users", "ok")),
    Measure("sessions", 19, ("kept",)),
    Measure("value_seconds", 12.5),
    Measure("of_a_later_version", 1.0),
)


def seen(gateway: bool = True) -> Seen:
    """Green has half of the users."""
    world = switching().until(at(50))
    observed = _with_counters(world.look()) if gateway else replace(world.look(), gateway=None)
    t = world.state.transition
    assert t
    gate = GateReading("search", Outcome.FAILED, t.window, measures=MEASURES)
    observed = replace(observed, gates=(gate,))
    decision = decide(world.desired, observed, world.state, world.now)
    found = status(world.desired, observed, world.state, decision)
    return Seen(world.state, found, observed, world.head, 1000.0, 7)


def _with_counters(observed: Observed) -> Observed:
    assert observed.gateway
    return replace(observed, gateway=replace(observed.gateway, counters=Pair(Counters(100, 3, 1, 2), None)))
