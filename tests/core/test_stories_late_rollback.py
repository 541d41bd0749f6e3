"""`rollback` after a success. Each name is a promise."""

from __future__ import annotations

import pytest
from core_story import happened, succeeded
from core_world import ON_BLUE, STABLE, STOPPED, B, G, serving, spec

from reconciler.core.events import Phase, RequestRefused, Verb


def test_a_late_rollback_is_one_step_and_holds_the_version() -> None:
    world = succeeded()
    world.say(Verb.ROLLBACK, reason="customers call")
    assert world.ended() is Phase.ROLLED_BACK
    assert world.weights == ON_BLUE
    world.waits("RevisionHeld")
    assert world.state.stable == STABLE


def test_a_rollback_in_the_middle_says_that_it_was_typed() -> None:
    world = serving()
    world.commit(spec(G, green="v2"))
    world.until(lambda w: w.state.transition is not None)
    world.say(Verb.ROLLBACK)
    assert world.ended() is Phase.ABORTED
    assert world.state.last
    assert world.state.last.reason.startswith("by an operator, who typed rollback")


def test_a_late_rollback_starts_the_old_slot_if_need_be() -> None:
    world = succeeded()
    world.now += 101
    world.until(lambda w: w.observed.members[B][0].status is STOPPED)
    world.say(Verb.ROLLBACK)
    assert world.ended() is Phase.ROLLED_BACK
    assert world.weights == ON_BLUE


def test_a_late_rollback_leaves_a_stable_that_ends_again_and_again() -> None:
    world = succeeded()
    world.frail.add("v2")
    world.put(G, STOPPED, None)
    for _ in range(20):
        world.tick()
    world.say(Verb.ROLLBACK)
    assert world.ended() is Phase.ROLLED_BACK
    assert world.weights == ON_BLUE


@pytest.mark.parametrize("why", ["window", "redeployed", "nothing"])
def test_a_late_rollback_that_cannot_be_done_tells_the_commit_to_make(why: str) -> None:
    world = serving() if why == "nothing" else succeeded()
    if why == "window":
        world.now += 2000
    elif why == "redeployed":
        world.commit(spec(G, blue="v7", green="v2"))
        world.settled()
    world.say(Verb.ROLLBACK)
    world.settled()
    refused = happened(world, RequestRefused)
    assert "commit instead" in refused[0].reason
    assert not world.state.rollback
    assert world.state.request_refused == f"rollback: {refused[0].reason}"
