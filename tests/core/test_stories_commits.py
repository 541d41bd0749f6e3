"""Commits in mid-transition, and commits that are refused. Each name is a promise."""

from __future__ import annotations

from core_story import acts, happened, shares, version_of
from core_world import ON_BLUE, ON_GREEN, B, G, at, serving, spec, switching

from reconciler.core.events import Phase, Rebound, Verb
from reconciler.core.model import Release, SetWeight, share
from reconciler.core.steps import Stop


def test_another_version_in_mid_transition_goes_back_first_and_holds_nothing() -> None:
    world = switching().until(at(50))
    world.commit(spec(G, green="v3"))
    assert world.ended() is Phase.SUPERSEDED
    assert world.state.held == ()
    assert world.ended() is Phase.SUCCEEDED
    assert shares(world) == [0, 10, 50, 0, 10, 50, 100]
    assert world.state.stable == Release(G, "v3")


def test_a_commit_back_to_stable_is_one_fast_step_and_holds_nothing() -> None:
    world = switching().until(at(50))
    before = world.now
    world.commit(spec(B, green="v2"))
    world.until(lambda w: w.weights == ON_BLUE)
    assert world.now == before
    assert world.ended() is Phase.SUPERSEDED
    assert world.state.held == ()


def test_a_policy_change_in_mid_transition_opens_a_new_window_at_the_same_rung() -> None:
    world = switching().until(at(50))
    opened = world.state.transition and world.state.transition.opened
    world.now += 1
    world.commit(spec(G, green="v2", steps=(SetWeight(20), SetWeight(80), SetWeight(100))))
    world.until(lambda w: bool(happened(w, Rebound)))
    assert world.weights == share(G, 50)
    assert world.state.transition
    assert world.state.transition.opened > (opened or 0)
    world.ended()
    assert shares(world) == [0, 10, 50, 80, 100]


def test_stables_pin_cannot_be_changed_under_its_users() -> None:
    world = serving()
    world.commit(spec(blue="v7", green="v2"))
    wait = world.waits("StablePinned")
    assert "pin the new version in green" in wait.message
    assert world.state.files[G] is None  # the spec is refused as a whole


def test_stables_pin_waits_until_the_transition_has_succeeded() -> None:
    world = switching().until(at(50))
    world.commit(spec(G, blue="v7", green="v2"))
    assert world.ended() is Phase.SUCCEEDED
    world.settled()
    assert version_of(world, B) == "v7"
    assert world.weights == ON_GREEN


def test_a_rewritten_branch_needs_leave() -> None:
    world = serving()
    world.commit(spec(G, green="v2"), forward=False)
    assert "--accept-rewritten" in world.waits("BranchRewritten").message
    world.say(Verb.RETRY)
    world.waits("BranchRewritten")
    world.say(Verb.RETRY, accept_rewritten=True)
    assert world.ended() is Phase.SUCCEEDED


def test_an_invalid_head_leaves_the_last_good_state_in_force() -> None:
    world = switching().until(at(50))
    world.commit(None)
    assert world.ended() is Phase.SUCCEEDED
    assert "unknown key" in world.waits("DesiredInvalid").message
    assert world.weights == ON_GREEN


def test_what_cannot_change_under_traffic_waits_until_everything_has_stopped() -> None:
    """A commit that drops a member, made while it is going down, must not make us forget to stop that member."""
    world = serving()
    world.say(Verb.DOWN)
    world.commit(spec(gateway="other"))
    world.until(lambda w: w.state.went_down)
    assert world.state.accepted
    assert world.state.accepted.gateway == "gw"
    assert {name for stop in acts(world, Stop) for name in stop.members} == {"api", "worker"}
    world.until(lambda w: bool(w.state.accepted and w.state.accepted.gateway == "other"))
    world.say(Verb.RESUME)
    assert world.settled().weights == ON_BLUE


def test_another_gateway_needs_a_planned_stop() -> None:
    world = serving()
    world.commit(spec(gateway="other"))
    assert "reconcile down" in world.waits("GatewayChanged").message
    world.say(Verb.DOWN)
    world.waits("Down")
    world.say(Verb.RESUME)
    assert world.settled().weights == ON_BLUE
