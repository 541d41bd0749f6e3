"""How an environment begins: bootstrap and adoption. Each name is a promise."""

from __future__ import annotations

import pytest
from core_story import FAILED, acts, happened, shares, version_of
from core_world import (
    ON_BLUE,
    READY,
    STABLE,
    STOPPED,
    UNREADY,
    B,
    G,
    World,
    at,
    spec,
    switching,
)

from reconciler.core.events import Adopted, Began, Bootstrapped, Phase, Verb
from reconciler.core.model import DriftMode, share
from reconciler.core.reading import Stamp
from reconciler.core.steps import Route


def test_bootstrap_keeps_the_listener_closed_until_the_slot_is_healthy() -> None:
    world = World(slow={"v1"})
    for _ in range(50):
        world.tick()
    assert world.weights is None
    assert not acts(world, Route)
    world.slow.clear()
    world.settled()
    assert world.weights == ON_BLUE
    assert happened(world, Bootstrapped) == [Bootstrapped(STABLE)]


def test_a_crash_between_opening_the_listener_and_the_record_is_no_adoption() -> None:
    world = World()
    world.until(lambda w: w.weights == ON_BLUE)
    world.put(B, STOPPED, None, "api")
    world.settled()
    assert happened(world, Bootstrapped) == [Bootstrapped(STABLE)]
    assert version_of(world, B) == "v1"


def test_a_commit_between_opening_the_listener_and_the_record_does_not_leave_it_waiting_for_ever() -> None:
    """Found by the model (liveness): blue serves v1, which no record calls stable, and git now wants v3 there."""
    world = World()
    world.until(lambda w: w.weights == ON_BLUE and w.state.stable is None)
    world.commit(spec(B, blue="v3"))
    assert world.waits("StablePinned").blocked
    assert world.state.stable == STABLE
    assert world.weights == ON_BLUE


def test_before_anybody_is_served_the_gateway_may_be_corrected() -> None:
    world = World(slow={"v1"})
    for _ in range(5):
        world.tick()
    world.commit(spec(gateway="another port"))
    world.slow.clear()
    world.settled()
    assert world.weights == ON_BLUE


def found(weights: object, stamp: Stamp | None = None, head: object = None) -> World:
    world = World(head=head or spec(blue="v1"))  # type: ignore[arg-type]
    world.put(B, READY, "v1")
    world.set_gateway(up=True, weights=weights, stamp=stamp)
    return world


def test_a_gateway_found_whole_on_one_slot_is_adopted_at_its_running_version() -> None:
    world = found(ON_BLUE).settled()
    assert happened(world, Adopted) == [Adopted(STABLE)]
    assert world.gateway.stamp
    assert world.gateway.stamp.journal == "ours"
    assert shares(world) == [0]


@pytest.mark.parametrize(
    ("weights", "stamp"), [(share(G, 30), None), (ON_BLUE, Stamp("theirs", 3, 9)), (share(G, 30), Stamp("ours", 1, 1))]
)
def test_a_split_or_a_foreign_gateway_waits_for_adopt(weights: object, stamp: Stamp | None) -> None:
    world = found(weights, stamp)
    wait = world.waits("AdoptionNeeded")
    assert wait.blocked
    assert "reconcile adopt demo --stable" in wait.message
    assert not acts(world, Route)
    world.say(Verb.ADOPT, slot=B)
    world.settled()
    assert world.state.stable == STABLE
    assert world.weights == ON_BLUE


def test_an_adopted_split_is_taken_over_even_when_drift_is_not_looked_for() -> None:
    world = found(share(G, 30), head=spec(drift=DriftMode.DISABLED))
    world.waits("AdoptionNeeded")
    world.say(Verb.ADOPT, slot=B)
    world.settled()
    assert world.weights == ON_BLUE


def test_adopted_at_a_version_that_git_does_not_pin_nothing_is_changed_in_place() -> None:
    world = found(ON_BLUE, head=spec(blue="v7"))
    wait = world.waits("StablePinned")
    assert "blue@v1 serves the users" in wait.message
    assert not happened(world, Began)
    assert version_of(world, B) == "v1"


def test_adopting_a_slot_that_is_not_ready_does_not_stop_a_rollback() -> None:
    world = switching().until(at(10))
    world.put(G, UNREADY, "v2", "api")
    world.slow.add("v2")
    world.verdicts["v2"] = FAILED
    world.say(Verb.ADOPT, slot=G)
    assert world.ended() is Phase.ROLLED_BACK
    assert world.weights == ON_BLUE


def test_what_was_left_in_an_adopted_slot_is_not_retired() -> None:
    world = switching()
    world.ended()
    world.say(Verb.ADOPT, slot=B)
    world.commit(spec(B, green="v2"))
    world.settled()
    world.now += 500
    world.settled()
    assert world.weights == ON_BLUE
    assert version_of(world, B) == "v1"
