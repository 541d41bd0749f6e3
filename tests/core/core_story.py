"""What stories ask of a world that has lived through them."""

from __future__ import annotations

from core_world import G, World, at, serving, spec, switching

from reconciler.core.events import Intended, Phase
from reconciler.core.model import Approvals, HandOver, Migration, Outcome, SetWeight, Snapshot, Stage
from reconciler.core.steps import Route

FAILED, INCONCLUSIVE = Outcome.FAILED, Outcome.INCONCLUSIVE
BLIND_STRATEGY = (SetWeight(10), SetWeight(100))
BOTH_WORK, ONE_WAY = Migration("migrate", "migrated", True), Migration("migrate", "migrated", False)
SHARED = Snapshot(("shared",), "db-backup")
AT_ONCE = (SetWeight(100), HandOver(("worker",)))

PLACES = [at(10), at(50), at(100), at(100, Phase.HANDING_OVER), at(100, Phase.SOAKING), lambda w: w.state.transition]


def happened(world: World, kind: type) -> list:  # type: ignore[type-arg]
    return [event for event in world.events if isinstance(event, kind)]


def acts(world: World, kind: type) -> list:  # type: ignore[type-arg]
    return [event.act for event in happened(world, Intended) if isinstance(event.act, kind)]


def shares(world: World) -> list[int]:
    """Green's weight in every write, repetitions left out."""
    weights = [act.after.weights[G] for act in acts(world, Route)]
    return [w for w, earlier in zip(weights, [None, *weights], strict=False) if w != earlier]


def version_of(world: World, slot: object, member: int = 0) -> str | None:
    return world.observed.members[slot][member].version  # type: ignore[index]


def succeeded() -> World:
    """A switch to green@v2 that is over, and at rest."""
    world = switching()
    assert world.ended() is Phase.SUCCEEDED
    return world.settled()


def asked(*before: Stage, **changes: object) -> World:
    """At rest on blue, and a commit asks for green, which somebody has to approve."""
    policy = {key: changes.pop(key) for key in list(changes) if key in Approvals.__dataclass_fields__}
    world = serving()
    world.commit(spec(G, green="v2", approvals=Approvals(before, **policy), **changes))  # type: ignore[arg-type]
    return world


def later(world: World, seconds: float) -> World:
    """So much time passes."""
    until = world.now + seconds
    return world.until(lambda w: w.now > until, 5000)


def migrating(migration: Migration = BOTH_WORK, **changes: object) -> World:
    """At rest on blue@v1, and a commit asks for green@v2, whose data is not ready."""
    return switching(migration=migration, **changes)


def outgrowing(**changes: object) -> World:
    """The same, and blue@v1 will not work with what is made of it."""
    return migrating(**{"migration": ONE_WAY, "steps": AT_ONCE} | changes)  # type: ignore[arg-type]


def saving(**changes: object) -> World:
    """At rest on blue@v1, and a commit asks for green@v2, before which the data are to be saved."""
    return switching(**{"snapshot": SHARED} | changes)  # type: ignore[arg-type]
