"""Ask every driver under a deadline. A failure becomes Unknown, never a number, and never stops the others."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import replace

from reconciler.core.gates import due
from reconciler.core.model import Outcome, Pair, Slot, Spec
from reconciler.core.reading import GateReading, GatewayReading, MemberReading, MemberStatus, Observed
from reconciler.core.state import State
from reconciler.drivers.protocols import MemberHost
from reconciler.errors import ReconcilerError
from reconciler.measure.counters import serving
from reconciler.world import World

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
    members = [pool.submit(_both, world.hosts[m.name]) for m in spec.members if m.name in world.hosts]
    reading, why = read_gateway(world)
    world.ledger.note(previous, reading)
    gates = _gates(world, spec, state, judged_from) if _up(reading) else ()
    if any(found.outcome is Outcome.FAILED for found in gates):  # a gateway that ends fails them too: then look there
        reading, why = read_gateway(world)
        gates = gates if _up(reading) else ()
    return Observed(
        gateway=reading,
        members=_members(members),
        gates=gates,
        serving=serving(previous, reading),
        migration=world.migrator.read(),
        snapshot=world.saver.read(),
        detail=why,
    )


def _up(reading: GatewayReading | None) -> bool:
    return reading is not None and reading.up


def _gates(world: World, spec: Spec, state: State, judged_from: float) -> tuple[GateReading, ...]:
    """The gates' answers about the present window, without what is not to be held against the newcomer."""
    if state.transition is None:
        return ()
    window = state.transition.window
    asked = replace(window, fair=judged_from)
    found = world.gates.readings(due(spec, state.transition), asked)
    return tuple(replace(one, window=window) if one.window == asked else one for one in found)


def read_gateway(world: World) -> tuple[GatewayReading | None, str]:
    """Read in this thread, while the members are read in others: a thread less is some milliseconds less."""
    try:
        return world.gateway.read(), ""
    except ReconcilerError as error:
        return None, str(error) or "no answer in time"


def _both(host: MemberHost) -> Pair[MemberReading]:
    return Pair(*(_read(host, slot) for slot in Slot))


def _read(host: MemberHost, slot: Slot) -> MemberReading:
    try:
        return host.read(slot)
    except ReconcilerError as error:
        return MemberReading(MemberStatus.UNKNOWN, detail=str(error) or "no answer in time")


def _members(asked: list[Future[Pair[MemberReading]]]) -> Pair[tuple[MemberReading, ...]]:
    found = [_answer(future) for future in asked]
    return Pair(*(tuple(pair[slot] for pair in found) for slot in Slot))


def _answer(future: Future[Pair[MemberReading]]) -> Pair[MemberReading]:
    try:
        return future.result(DEADLINE)
    except OutOfTime:
        late = MemberReading(MemberStatus.UNKNOWN, detail="no answer in time")
        return Pair(late, late)
