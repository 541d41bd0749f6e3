"""A gateway that dies, reboots, and drift. Each name is a promise."""

from __future__ import annotations

import pytest
from core_story import FAILED, PLACES, happened
from core_world import (
    ON_BLUE,
    ON_GREEN,
    READY,
    STABLE,
    UNREADY,
    B,
    G,
    World,
    at,
    serving,
    spec,
    switching,
)

from reconciler.core.events import DriftFound, Phase, RollbackBegan, Verb
from reconciler.core.model import DriftMode, Release, share


@pytest.mark.parametrize(("held", "expected"), [(50, 50), (10, 10), (80, 50), (None, 0)])
def test_a_gateway_that_dies_in_mid_shift_comes_back_at_the_smaller_weight(held: int | None, expected: int) -> None:
    world = switching().until(at(50))
    world.set_gateway(up=False, weights=None if held is None else share(G, held))
    world.until(lambda w: w.gateway.up)
    assert world.weights == share(G, expected)
    assert world.ended() is Phase.SUCCEEDED


def test_a_gateway_that_dies_on_the_way_back_does_not_return_to_a_dead_stable() -> None:
    world = switching().until(at(50))
    world.slow.add("v1")
    world.put(B, UNREADY, "v1", "api")
    world.verdicts["v2"] = FAILED
    world.until(lambda w: bool(happened(w, RollbackBegan)))
    world.set_gateway(up=False)
    world.until(lambda w: w.gateway.up)
    assert world.weights == share(G, 50)
    world.slow.clear()
    assert world.ended() is Phase.ROLLED_BACK
    assert world.weights == ON_BLUE


def test_a_silent_gateway_is_unknown_and_nothing_moves() -> None:
    world = switching().until(at(50))
    with world.silent():
        assert world.waits("GatewayUnreachable").alert
    assert world.ended() is Phase.SUCCEEDED


@pytest.mark.parametrize("place", [*PLACES, at(0)])
def test_a_reboot_in_every_phase_ends_served_and_says_where_it_stands(place: object) -> None:
    world = switching().until(place)  # type: ignore[arg-type]
    world.reboot()
    world.ended()
    stable = world.state.stable
    assert stable
    assert world.weights == (ON_BLUE if stable == STABLE else ON_GREEN)
    assert world.observed.members[stable.slot][0].version == stable.version


def test_a_reboot_at_rest_does_not_condemn_a_version_that_was_only_staged() -> None:
    world = serving()
    world.commit(spec(green="v2"))
    world.settled()
    world.reboot()
    world.commit(spec(G, green="v2"))
    assert world.ended() is Phase.SUCCEEDED


def test_drift_at_rest_is_recorded_and_then_healed() -> None:
    world = serving()
    world.set_gateway(weights=share(G, 30))
    world.settled()
    assert [d.found for d in happened(world, DriftFound)] == [share(G, 30)]
    assert world.weights == ON_BLUE


def test_drift_at_rest_with_warn_is_only_said() -> None:
    world = serving(head=spec(drift=DriftMode.WARN))
    world.set_gateway(weights=share(G, 30))
    wait = world.waits("Drifted")
    assert wait.blocked
    assert wait.alert
    assert world.weights == share(G, 30)


@pytest.mark.parametrize(("moved", "expected"), [(80, 50), (20, 20), (0, 0)])
@pytest.mark.parametrize("mode", [DriftMode.ENABLED, DriftMode.DISABLED])
def test_drift_under_way_takes_the_smaller_weight_and_a_new_window(moved: int, expected: int, mode: DriftMode) -> None:
    world = switching(drift=mode).until(at(50))
    world.set_gateway(weights=share(G, moved))
    world.now += 1
    world.until(lambda w: bool(happened(w, DriftFound)))
    world.until(lambda w: w.weights == share(G, expected))
    assert world.ended() is Phase.SUCCEEDED


def test_drift_under_way_with_warn_pauses_and_resume_takes_the_smaller_weight() -> None:
    world = switching(drift=DriftMode.WARN).until(at(50))
    world.set_gateway(weights=share(G, 80))
    world.waits("Paused")
    assert world.weights == share(G, 80)
    assert happened(world, DriftFound)
    world.say(Verb.RESUME)
    world.until(lambda w: w.weights == share(G, 50))
    assert world.ended() is Phase.SUCCEEDED


def test_after_a_reboot_a_stable_that_git_does_not_pin_asks_for_its_pin() -> None:
    """Found by the model (liveness): it can never be started again, so the wait says which commit would help."""
    world = World(head=spec(B, blue="v1"))
    world.put(B, READY, "v9")
    world.set_gateway(up=True, weights=ON_BLUE)
    world.until(lambda w: w.state.stable == Release(B, "v9") and not w.state.claim)
    world.reboot()
    world.frail.add("v9")  # the host knows no pin of that version
    wait = world.waits("NotReady")
    assert wait.blocked
    assert "pin v9 in blue" in wait.message
