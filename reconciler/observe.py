"""Ask every driver under a deadline. A failure becomes Unknown, never a number, and never stops the others."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import replace
from typing import TypeVar

from reconciler.core.gates import due
from reconciler.core.model import (
    GateReading,
    GatewayReading,
    MemberReading,
    MemberStatus,
    Observed,
    Outcome,
    Pair,
    Slot,
    Spec,
)
from reconciler.core.state import State
from reconciler.errors import ReconcilerError
from reconciler.measure.counters import serving
from reconciler.world import World

T = TypeVar("T")

DEADLINE = 6.0  # seconds; every driver has a shorter one of its own, this is for one that breaks its word


def observe(
    world: World,
    spec: Spec,
    state: State,
    previous: GatewayReading | None,
    pool: ThreadPoolExecutor,
    judged_from: float = 0.0,
) -> Observed:
    """One look at the gateway, at every member in both slots, and at the gates that are due. Changes nothing.

    What was measured before `judged_from` (watched seconds) is not held against the newcomer.
    """
    gateway = pool.submit(world.gateway.read)
    members = {
        slot: [
            pool.submit(world.hosts[member.name].read, slot) for member in spec.members if member.name in world.hosts
        ]
        for slot in Slot
    }
    reading, why = _gateway(gateway)
    gates = _gates(world, spec, state, judged_from) if _up(reading) else ()
    if any(found.outcome is Outcome.FAILED for found in gates):  # a gateway that ends fails them too: then look there
        reading, why = _gateway(pool.submit(world.gateway.read))
        gates = gates if _up(reading) else ()
    return Observed(
        gateway=reading,
        members=Pair(*(tuple(_member(future) for future in members[slot]) for slot in Slot)),
        gates=gates,
        serving=serving(previous, reading),
        detail=why,
    )


def _up(reading: GatewayReading | None) -> bool:
    return reading is not None and reading.up


def _gates(world: World, spec: Spec, state: State, judged_from: float) -> tuple[GateReading, ...]:
    """The gates' answers about the present window; asked about its later part only, if that is all that counts."""
    if state.transition is None:
        return ()
    window = state.transition.window
    asked = replace(window, opened=max(window.opened, judged_from))
    found = world.gates.readings(due(spec, state.transition), asked)
    return tuple(replace(one, window=window) if one.window == asked else one for one in found)


def _gateway(future: Future[GatewayReading]) -> tuple[GatewayReading | None, str]:
    try:
        return future.result(DEADLINE), ""
    except (ReconcilerError, OutOfTime) as error:
        return None, str(error) or "no answer in time"


def _member(future: Future[MemberReading]) -> MemberReading:
    try:
        return future.result(DEADLINE)
    except (ReconcilerError, OutOfTime) as error:
        return MemberReading(MemberStatus.UNKNOWN, detail=str(error) or "no answer in time")
