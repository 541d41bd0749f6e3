"""Short stories: what an operator does or suffers, and how it ends. Each name is a promise."""

from __future__ import annotations

import pytest
from core_laws import broken
from core_world import (
    ON_BLUE,
    ON_GREEN,
    READY,
    STABLE,
    STOPPED,
    UNREADY,
    B,
    Edge,
    G,
    World,
    at,
    serving,
    spec,
    switching,
)

from reconciler.core.model import (
    Admission,
    Counters,
    DriftMode,
    MemberStatus,
    OnFailure,
    Outcome,
    Pair,
    Pause,
    Release,
    SetWeight,
    Stamp,
    share,
)
from reconciler.core.steps import (
    Adopted,
    Began,
    Bootstrapped,
    DriftFound,
    Intended,
    Phase,
    Rebound,
    RollbackBegan,
    RollbackRefused,
    Route,
    Start,
    Stop,
    Verb,
)

FAILED, INCONCLUSIVE = Outcome.FAILED, Outcome.INCONCLUSIVE
BLIND_STRATEGY = (SetWeight(10), SetWeight(100))


@pytest.fixture(autouse=True)
def _every_edge_keeps_the_laws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the story tells, no decision in it breaks a law."""

    def check(world: World, edge: Edge) -> None:
        assert not broken(edge)

    tick = World.tick

    def checked(world: World) -> object:
        world.check = world.check or (lambda edge: check(world, edge))
        return tick(world)

    monkeypatch.setattr(World, "tick", checked)


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


# ---- the beginning


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


# ---- a good switch


def test_a_good_switch_climbs_the_ladder_and_the_newcomer_becomes_stable() -> None:
    world = switching()
    assert world.ended() is Phase.SUCCEEDED
    assert shares(world) == [0, 10, 50, 100]
    assert world.state.stable == Release(G, "v2")
    assert world.settled().weights == ON_GREEN


def test_the_worker_is_stopped_and_read_stopped_before_the_other_starts() -> None:
    world = switching()
    world.until(at(100, Phase.HANDING_OVER))
    world.ended()
    moved = [a for a in (*acts(world, Stop), *acts(world, Start)) if "worker" in a.members and a.owner]
    assert moved[0] == Stop(B, ("worker",), owner=True)
    assert moved[-1] == Start(G, "v2", ("worker",), owner=True)


def test_no_worker_changes_hands_without_a_good_verdict_at_full_weight() -> None:
    world = switching().until(at(100))
    world.verdicts["v2"] = INCONCLUSIVE
    world.waits("GateInconclusive")
    assert world.observed.members[B][1].status is READY
    world.verdicts.clear()
    assert world.ended() is Phase.SUCCEEDED


def test_a_staged_pin_gets_no_traffic_and_its_switch_needs_no_waiting() -> None:
    world = serving()
    world.commit(spec(green="v2"))
    world.settled()
    assert world.state.warm[G] == "v2"
    assert shares(world) == [0]
    assert not happened(world, Began)
    before = world.now
    world.commit(spec(G, green="v2"))
    world.until(at(10))
    assert world.now == before


def test_the_old_slot_is_retired_after_its_delay_and_only_drained() -> None:
    world = switching()
    world.ended()
    world.settled()
    world.now += 101
    world.until(lambda w: w.gateway.admission[B] is Admission.CLOSED)
    world.set_gateway(counters=Pair(Counters(in_flight=1), Counters()))
    closed = world.now
    world.until(lambda w: w.observed.members[B][0].status is STOPPED)
    assert world.now >= closed + 10
    assert world.settled().weights == ON_GREEN


def test_clients_of_the_old_slot_may_finish_after_a_success() -> None:
    world = switching()
    world.ended()
    world.settled()
    assert world.gateway.admission[B] is Admission.DRAINING
    assert world.gateway.fallback is None


# ---- a bad version


def bad_switch() -> World:
    world = switching()
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    return world


def test_a_bad_version_is_rolled_back_in_one_step_and_held() -> None:
    world = bad_switch()
    assert shares(world) == [0, 10, 0]
    assert [held.version for held in world.state.held] == ["v2"]
    assert world.waits("RevisionHeld").blocked


def test_a_rollback_breaks_the_stickiness_and_healing_drift_does_not_mend_it() -> None:
    world = bad_switch()
    assert world.gateway.admission[G] is Admission.CLOSED
    world.set_gateway(weights=share(G, 20))
    world.until(lambda w: w.weights == ON_BLUE)
    assert world.gateway.admission[G] is Admission.CLOSED


def test_an_unrelated_commit_does_not_bring_a_bad_version_back() -> None:
    world = bad_switch()
    world.commit(world.head)
    world.waits("RevisionHeld")
    world.commit(spec(G, green="v2", soak=7.0))
    world.waits("RevisionHeld")
    assert len(happened(world, Began)) == 1


def test_a_held_version_is_not_tried_in_the_other_slot_either() -> None:
    world = switching("v3")
    world.ended()
    world.commit(spec(B, blue="v2", green="v3"))
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    world.waits("RevisionHeld")
    assert world.weights == ON_GREEN


def test_retry_tries_a_held_version_again() -> None:
    world = bad_switch()
    world.verdicts.clear()
    world.say(Verb.RETRY)
    assert world.ended() is Phase.SUCCEEDED


def test_another_pin_ends_the_hold() -> None:
    world = bad_switch()
    world.commit(spec(G, green="v3"))
    assert world.ended() is Phase.SUCCEEDED
    assert world.state.held == ()


def test_the_failed_slot_stays_up_for_study_and_then_goes() -> None:
    world = bad_switch()
    world.waits("RevisionHeld")
    assert world.observed.members[G][0].status is READY
    world.now += 101
    world.until(lambda w: w.observed.members[G][0].status is STOPPED)


@pytest.mark.parametrize("rung", [10, 50, 100])
def test_a_newcomer_that_dies_is_left_at_once(rung: int) -> None:
    world = switching().until(at(rung))
    before = world.now
    world.put(G, STOPPED, None, "api")
    world.until(lambda w: w.weights == ON_BLUE)
    assert world.now == before
    assert world.ended() is Phase.ROLLED_BACK


def test_a_newcomer_that_hiccups_is_not_left() -> None:
    world = switching().until(at(10))
    world.slow.add("v2")
    world.put(G, UNREADY, "v2", "api")
    world.until(lambda w: bool(w.state.transition and w.state.transition.unready_since is not None))
    world.slow.clear()
    world.put(G, READY, "v2", "api")
    world.now += 100  # nobody looked for a while; it is ready when we look
    assert world.ended() is Phase.SUCCEEDED


def test_a_newcomer_that_stays_unready_is_left() -> None:
    world = switching().until(at(10))
    world.slow.add("v2")
    world.put(G, UNREADY, "v2", "api")
    assert world.ended() is Phase.ROLLED_BACK
    assert happened(world, RollbackBegan)[0].condition == "NewcomerUnready"


def test_a_version_that_never_starts_is_given_up_without_moving_traffic() -> None:
    world = switching()
    world.frail.add("v2")
    assert world.ended() is Phase.ROLLED_BACK
    assert happened(world, RollbackBegan)[0].condition == "NeverReady"
    assert set(shares(world)) == {0}


def test_a_version_that_reports_another_one_is_left() -> None:
    world = switching().until(at(10))
    world.put(G, READY, "v9", "api")
    assert world.ended() is Phase.ROLLED_BACK
    assert happened(world, RollbackBegan)[0].condition == "VersionMismatch"


def test_the_progress_deadline_rolls_back_and_pauses_do_not_count() -> None:
    world = switching(gates=spec().gates, steps=BLIND_STRATEGY).until(at(10))
    world.verdicts["v2"] = INCONCLUSIVE
    world.say(Verb.PAUSE)
    world.waits("Paused")
    world.now += 5000
    world.waits("Paused")
    world.say(Verb.RESUME)
    resumed = world.now
    assert world.ended() is Phase.ROLLED_BACK
    assert happened(world, RollbackBegan)[0].condition == "ProgressDeadlineExceeded"
    assert world.now > resumed + 200


def test_a_pause_during_the_soak_is_not_late() -> None:
    world = switching().until(at(100, Phase.SOAKING))
    world.say(Verb.PAUSE)
    world.waits("Paused")
    world.now += 5000
    world.waits("Paused")
    world.say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED


def test_a_failing_gate_after_the_worker_moved_brings_the_worker_back() -> None:
    world = switching().until(at(100, Phase.SOAKING))
    assert world.observed.members[G][1].status is READY
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    world.waits("RevisionHeld")
    assert [world.observed.members[slot][1].status for slot in (B, G)] == [READY, STOPPED]


def test_a_rollback_ends_although_the_old_worker_will_not_start() -> None:
    world = switching().until(at(100, Phase.SOAKING))
    world.frail.add("v1")
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    assert world.weights == ON_BLUE


# ---- onFailure: hold


def holding() -> World:
    world = switching(on_failure=OnFailure.HOLD).until(at(50))
    world.verdicts["v2"] = FAILED
    assert world.waits("Holding").alert
    return world


def test_on_failure_hold_keeps_the_share_until_its_timeout() -> None:
    world = holding()
    assert world.weights == share(G, 50)
    assert world.ended() is Phase.ROLLED_BACK
    assert world.state.is_held("v2")


def test_a_failure_that_passes_while_holding_does_not_hold_for_ever() -> None:
    world = holding()
    world.verdicts.clear()
    assert world.ended() is Phase.ROLLED_BACK
    assert happened(world, RollbackBegan)[0].condition == "HoldTimeout"


def test_resume_after_a_hold_opens_a_new_window_and_goes_on() -> None:
    world = holding()
    held_at = world.state.transition
    world.verdicts.clear()
    world.say(Verb.RESUME)
    assert held_at
    assert world.state.transition
    assert world.state.transition.opened > held_at.opened
    assert world.ended() is Phase.SUCCEEDED


# ---- people


PLACES = [at(10), at(50), at(100), at(100, Phase.HANDING_OVER), at(100, Phase.SOAKING), lambda w: w.state.transition]


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


# ---- commits in mid-transition


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


def test_another_gateway_needs_a_planned_stop() -> None:
    world = serving()
    world.commit(spec(gateway="other"))
    assert "reconcile down" in world.waits("GatewayChanged").message
    world.say(Verb.DOWN)
    world.waits("Down")
    world.say(Verb.RESUME)
    assert world.settled().weights == ON_BLUE


# ---- the late rollback


def succeeded() -> World:
    world = switching()
    assert world.ended() is Phase.SUCCEEDED
    return world.settled()


def test_a_late_rollback_is_one_step_and_holds_the_version() -> None:
    world = succeeded()
    world.say(Verb.ROLLBACK, reason="customers call")
    assert world.ended() is Phase.ROLLED_BACK
    assert world.weights == ON_BLUE
    world.waits("RevisionHeld")
    assert world.state.stable == STABLE


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
    refused = happened(world, RollbackRefused)
    assert "commit instead" in refused[0].reason
    assert not world.state.rollback
    assert refused[0].reason == world.state.rollback_refused


# ---- the gateway and other hands


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


# ---- stable in trouble, and both


def test_a_stable_that_dies_in_mid_transition_is_restarted_and_nothing_rises_meanwhile() -> None:
    world = switching().until(at(10))
    world.put(B, STOPPED, None, "api")
    world.until(lambda w: w.observed.members[B][0].status is not STOPPED)
    assert world.weights == share(G, 10)
    assert world.ended() is Phase.SUCCEEDED


def test_stables_worker_is_restarted_in_mid_transition_and_during_a_pause() -> None:
    world = switching().until(at(10))
    world.say(Verb.PAUSE)
    world.put(B, STOPPED, None, "worker")
    world.until(lambda w: w.observed.members[B][1].status is READY)
    assert world.state.paused


def test_a_pause_in_mid_hand_over_leaves_no_worker_without_an_owner() -> None:
    world = switching().until(at(100, Phase.HANDING_OVER))
    world.until(lambda w: w.observed.members[B][1].status is MemberStatus.STOPPING)
    world.say(Verb.PAUSE)
    world.until(lambda w: w.observed.members[B][1].status is READY)
    world.say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED


def test_a_broken_worker_of_stable_does_not_keep_the_fix_out() -> None:
    world = serving()
    world.frail.add("v1")
    world.put(B, STOPPED, None, "worker")
    for _ in range(20):
        world.tick()
    world.commit(spec(G, green="v2"))
    assert world.ended() is Phase.SUCCEEDED
    assert version_of(world, G, 1) == "v2"


def test_nothing_begins_while_stable_is_not_ready() -> None:
    world = serving()
    world.slow.add("v1")
    world.put(B, UNREADY, "v1", "api")
    world.commit(spec(G, green="v2"))
    assert world.waits("StableDegraded").alert
    assert not happened(world, Began)
    world.slow.clear()
    assert world.ended() is Phase.SUCCEEDED


def test_a_rollback_waits_for_a_stable_that_is_known_bad() -> None:
    world = switching().until(at(50))
    world.slow.add("v1")
    world.put(B, UNREADY, "v1", "api")
    world.verdicts["v2"] = FAILED
    assert world.waits("StableDegraded").alert
    assert world.weights == share(G, 50)
    world.slow.clear()
    assert world.ended() is Phase.ROLLED_BACK


@pytest.mark.parametrize(("told", "moves"), [(True, True), (False, False), (None, False)])
def test_of_an_unreadable_stable_the_gateways_counters_decide(told: bool | None, moves: bool) -> None:
    world = switching().until(at(50))
    world.unreadable.add(B)
    world.serving = Pair(told, True)
    world.verdicts["v2"] = FAILED
    world.until(lambda w: w.weights == ON_BLUE or len(w.edges) > 400)
    assert (world.weights == ON_BLUE) is moves
    world.unreadable.clear()
    assert world.ended() is Phase.ROLLED_BACK


def test_an_unreadable_owner_means_an_alert_and_no_second_owner() -> None:
    world = switching().until(at(100, Phase.HANDING_OVER))
    world.unreadable.add(B)
    assert world.waits("OwnerUnknown").alert
    assert not [act for act in acts(world, Start) if act.slot is G and "worker" in act.members]
    world.unreadable.clear()
    assert world.ended() is Phase.SUCCEEDED


def test_both_slots_dead_comes_back_on_stable_and_the_gateway_last() -> None:
    world = switching().until(at(100, Phase.SOAKING))
    world.reboot()
    world.until(lambda w: w.gateway.up)
    assert world.weights == ON_BLUE
    assert world.observed.members[B][0].status is READY


def test_two_members_of_the_idle_slot_that_stop_slowly_do_not_make_the_loop_spin() -> None:
    world = succeeded()
    world.put(B, UNREADY, "v0")
    world.slow.add("v0")
    world.now += 101
    for _ in range(60):
        world.tick()
    stops = [act for act in acts(world, Stop) if act.slot is B]
    assert len(stops) < 12
