"""Perform one act, then read the world back: the outcome is what was read, not what was replied."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.core.events import Applied
from reconciler.core.model import Pin, Slot, Spec
from reconciler.core.reading import GatewayReading, MemberStatus
from reconciler.core.steps import (
    Act,
    CloseGateway,
    Migrate,
    Result,
    Route,
    StageFiles,
    Start,
    Stop,
    TakeSnapshot,
    TryRestore,
    Warm,
)
from reconciler.errors import Conflict, Fenced, Refused, Unreachable
from reconciler.world import World

Boundary = Callable[[str], None]  # called at every named point where a crash must be survivable


def apply(
    world: World,
    spec: Spec,
    act: Act,
    reading: GatewayReading | None,
    generation: int,
    boundary: Boundary,
    number: int = 0,
) -> Applied:
    """Do `act`. `reading` is the gateway as the decision saw it: a write is refused when it has changed since.
    `number`: of the intent in the journal; whoever becomes an owner does so by it, as no later act has a lower one.

    Raises Fenced: somebody else owns the environment now. Everything else that the world does is an outcome.
    """

    def perform() -> Applied:
        _perform(world, spec, act, reading, generation, number)
        boundary("effect-done")
        return _read_back(world, act)

    return outcome(perform)


def outcome(perform: Callable[[], Applied]) -> Applied:
    """What the world says to an act, whatever way it says it. Raises Fenced."""
    try:
        return perform()
    except Fenced:
        raise
    except Conflict as error:
        return Applied(Result.CONFLICT, str(error))
    except Refused as error:
        return Applied(Result.REFUSED, str(error))
    except Unreachable as error:
        return Applied(Result.UNKNOWN, str(error))


def _perform(world: World, spec: Spec, act: Act, reading: GatewayReading | None, generation: int, number: int) -> None:
    match act:
        case StageFiles(slot, version):
            for member in spec.members:
                world.hosts[member.name].stage(slot, _pin(spec, slot, version))
        case Start(slot, version, members, owner):
            for name in members:
                world.hosts[name].start(slot, _pin(spec, slot, version))
                if owner and name in spec.standbys:
                    world.hosts[name].grant(slot, number)
        case Stop(slot, members, owner):
            for name in members:
                if owner and name in spec.standbys:
                    world.hosts[name].release(slot, number)
                else:
                    world.hosts[name].stop(slot)
        case Migrate():
            world.migrate(act)
        case TakeSnapshot() | TryRestore():
            world.save(act)
        case Warm(slot, _):
            world.warm(slot)
        case Route(_, after):
            if reading is None:
                raise Unreachable("the gateway could not be read, so nothing is written to it")
            world.gateway.write(after, reading, generation)
        case CloseGateway():
            world.gateway.close_listener()


def _pin(spec: Spec, slot: Slot, version: str) -> Pin:
    pin = spec.pins[slot]
    if pin is None or pin.label != version:
        raise Refused(f"{slot}@{version} is not pinned in the manifest in force, so how to run it is not known")
    return pin


def _read_back(world: World, act: Act) -> Applied:
    match act:
        case Route(_, after):
            found = world.gateway.read()
            same = (found.up, found.weights, found.admission, found.fallback) == (
                True,
                after.weights,
                after.admission,
                after.fallback,
            )
            return Applied(Result.DONE) if same else Applied(Result.CONFLICT, f"read back {found.weights}")
        case Start(slot, _, members):
            for name in members:
                found_member = world.hosts[name].read(slot)
                if found_member.status is MemberStatus.STOPPED:
                    return Applied(Result.UNKNOWN, f"{name} ended at once: {found_member.detail}")
            return Applied(Result.DONE)
        case CloseGateway():
            return Applied(Result.UNKNOWN if world.gateway.read().up else Result.DONE)
        case _:
            return Applied(Result.DONE)
