"""What people say: abort, pause, resume, promote, suspend, down. Each name is a promise."""

from __future__ import annotations

import pytest
from core_story import FAILED, INCONCLUSIVE, PLACES, happened
from core_world import ON_BLUE, G, at, spec, switching

from reconciler.core.events import Phase, RollbackBegan, Verb
from reconciler.core.model import Pause, SetWeight, share


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("before", ["", "suspend", "pause", "deaf"])
def test_abort_wins_from_every_phase(place: object, before: str) -> None:
    world = switching().until(place)  # type: ignore[arg-type]
    if before == "suspend":
        world.say(Verb.SUSPEND, leave_split=True)
        world.waits("Suspended")
    elif before == "pause":
        world.say(Verb.PAUSE)
        world.waits("Paused")
    elif before == "deaf":
        with world.silent():
            world.say(Verb.ABORT)
            world.waits("GatewayUnreachable")
    world.say(Verb.ABORT)
    assert world.ended() is Phase.ABORTED
    assert world.weights == ON_BLUE
    assert world.state.is_held("v2")
    assert bool(world.state.suspended) is (before == "suspend")


def test_abort_finishes_a_rollback_that_was_suspended() -> None:
    world = switching().until(at(50))
    world.verdicts["v2"] = FAILED
    world.until(lambda w: bool(happened(w, RollbackBegan)))
    world.say(Verb.SUSPEND, leave_split=True)
    world.waits("Suspended")
    assert world.weights == share(G, 50)
    world.say(Verb.ABORT)
    world.ended()
    assert world.weights == ON_BLUE


def test_suspended_means_untouched_and_resume_opens_a_new_window() -> None:
    world = switching().until(at(50))
    world.say(Verb.SUSPEND, leave_split=True)
    world.waits("Suspended")
    world.now += 1000
    world.waits("Suspended")
    assert world.weights == share(G, 50)
    world.say(Verb.RESUME)
    assert world.state.transition
    assert world.state.transition.opened == world.now
    assert world.ended() is Phase.SUCCEEDED


def test_suspend_in_mid_transition_needs_to_be_told_to_leave_the_split() -> None:
    world = switching().until(at(50))
    world.say(Verb.SUSPEND)
    assert not world.state.suspended
    assert world.ended() is Phase.SUCCEEDED


def test_pause_stops_forward_steps_but_not_the_way_back() -> None:
    world = switching().until(at(10))
    world.say(Verb.PAUSE, reason="lunch")
    world.waits("Paused")
    world.now += 100
    world.waits("Paused")
    assert world.weights == share(G, 10)
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK


def test_promote_ends_a_pause_without_duration_and_only_that_one() -> None:
    steps = (SetWeight(10), Pause(None), SetWeight(50), Pause(None), SetWeight(100))
    world = switching(steps=steps)
    world.until(at(0))
    world.say(Verb.PROMOTE)  # too early: there is nothing to promote yet
    assert world.waits("PromotionAwaited").blocked
    assert world.weights == share(G, 10)
    world.say(Verb.PROMOTE)
    world.until(at(50))
    world.waits("PromotionAwaited")
    world.say(Verb.PROMOTE)
    assert world.ended() is Phase.SUCCEEDED


def test_no_traffic_at_the_end_of_an_analysis_is_a_pause_and_never_a_rollback() -> None:
    world = switching().until(at(50))
    world.verdicts["v2"] = INCONCLUSIVE
    assert "no good verdict within 60 s" in world.waits("Paused").message
    assert world.weights == share(G, 50)


def test_a_pause_of_a_rule_ends_with_its_transition() -> None:
    world = switching().until(at(50))
    world.verdicts["v2"] = INCONCLUSIVE
    world.waits("Paused")
    world.commit(spec(G, green="v3"))
    assert world.ended() is Phase.SUPERSEDED
    assert world.ended() is Phase.SUCCEEDED


def test_down_in_mid_transition_aborts_it_and_resume_serves_stable() -> None:
    world = switching().until(at(50))
    world.say(Verb.DOWN, reason="power")
    assert world.waits("Down").blocked
    assert world.weights is None
    world.say(Verb.RESUME)
    assert world.ended() is Phase.ABORTED
    assert world.waits("RevisionHeld")
    assert world.weights == ON_BLUE
