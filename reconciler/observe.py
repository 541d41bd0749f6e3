"""Ask every driver under a deadline. A failure becomes Unknown, never a number, and never stops the others."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as OutOfTime
from typing import TypeVar

from reconciler.core.gates import due
from reconciler.core.model import (
    GatewayReading,
    MemberReading,
    MemberStatus,
    Observed,
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
    world: World, spec: Spec, state: State, previous: GatewayReading | None, pool: ThreadPoolExecutor
) -> Observed:
    """One look at the gateway, at every member in both slots, and at the gates that are due. Changes nothing."""
    gateway = pool.submit(world.gateway.read)
    members = {
        slot: [
            pool.submit(world.hosts[member.name].read, slot) for member in spec.members if member.name in world.hosts
        ]
        for slot in Slot
    }
    gates = world.gates.readings(due(spec, state.transition), state.transition.window) if state.transition else ()
    reading, why = _gateway(gateway)
    return Observed(
        gateway=reading,
        members=Pair(*(tuple(_member(future) for future in members[slot]) for slot in Slot)),
        gates=gates,
        serving=serving(previous, reading),
        detail=why,
    )


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
