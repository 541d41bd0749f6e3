"""Stable in trouble, and both at once. Each name is a promise."""

from __future__ import annotations

import pytest
from core_story import FAILED, acts, happened, succeeded, version_of
from core_world import (
    ON_BLUE,
    READY,
    STOPPED,
    UNREADY,
    B,
    G,
    World,
    at,
    serving,
    spec,
    switching,
)

from reconciler.core.events import Applied, Began, Intended, Phase, RequestRefused, Verb
from reconciler.core.model import Admission, DriftMode, Pair, share
from reconciler.core.reading import MemberStatus
from reconciler.core.situation import Do
from reconciler.core.steps import CloseGateway, Result, Start, Stop


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


def test_an_owner_that_a_person_saw_stopped_is_not_waited_for() -> None:
    world = switching().until(at(100, Phase.HANDING_OVER))
    world.unreadable.add(B)
    assert "reconcile handover demo --force --from blue" in world.waits("OwnerUnknown").message
    world.say(Verb.HANDOVER, slot=B, reason="its machine is off, I pulled the plug")
    world.until(lambda w: bool([act for act in acts(w, Start) if act.slot is G and "worker" in act.members]))
    assert not [act for act in acts(world, Stop) if act.slot is B]
    assert world.ended() is Phase.SUCCEEDED
    assert world.state.forced is None


def test_a_word_about_one_slot_is_none_about_the_other() -> None:
    world = switching().until(at(100, Phase.HANDING_OVER))
    world.unreadable.add(B)
    world.say(Verb.HANDOVER, slot=G, reason="a slip")
    assert world.waits("OwnerUnknown").alert


def test_an_owner_that_can_be_read_is_stopped_first_whatever_a_person_said() -> None:
    world = switching().until(at(100, Phase.HANDING_OVER))
    world.say(Verb.HANDOVER, slot=B, reason="surely")
    assert world.ended() is Phase.SUCCEEDED
    assert [act for act in acts(world, Stop) if act.slot is B and "worker" in act.members]


def test_nobody_is_admitted_to_a_slot_that_is_only_staged_whatever_cookie_they_hold() -> None:
    world = serving()
    world.commit(spec(green="v2"))
    world.settled()
    assert version_of(world, G) == "v2"
    assert world.gateway.admission[G] is Admission.CLOSED


def test_after_a_success_clients_may_finish_in_the_old_slot_until_it_is_retired() -> None:
    world = succeeded()
    assert world.gateway.admission[B] is Admission.DRAINING
    world.now += 101
    world.settled()
    assert world.state.leftover.stopped
    world.set_gateway(up=False)
    world.until(lambda w: w.gateway.up)
    assert world.gateway.admission[B] is Admission.CLOSED


def test_a_dead_worker_is_said_beside_a_held_version_and_is_not_healthy() -> None:
    world = switching().until(at(10))
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    world.frail.add("v1")
    world.put(B, STOPPED, None, "worker")
    world.tick()
    wait = world.waits("RevisionHeld")
    assert wait.alert
    assert "worker" in wait.message


def test_users_on_the_other_slot_are_never_called_in_sync() -> None:
    world = World(head=spec(drift=DriftMode.DISABLED)).settled()
    world.set_gateway(weights=share(G, 100))
    assert world.waits("Drifted").blocked


def test_adopting_a_slot_that_is_not_ready_is_refused_and_not_kept_for_later() -> None:
    world = serving()
    world.put(G, UNREADY, "v9", "api")
    world.slow.add("v9")
    world.say(Verb.ADOPT, slot=G)
    world.settled()
    assert [event.verb for event in happened(world, RequestRefused)] == [Verb.ADOPT]
    world.put(G, READY, "v9", "api")
    world.settled()
    assert world.state.stable.slot is B
    assert "adopt" in world.state.request_refused


def test_a_rollback_that_has_nowhere_to_go_says_how_the_newcomer_can_stay() -> None:
    world = switching().until(at(50))
    world.slow.add("v1")
    world.put(B, UNREADY, "v1", "api")
    world.verdicts["v2"] = FAILED
    assert "reconcile adopt demo --stable green" in world.waits("StableDegraded").message
    world.say(Verb.ADOPT, slot=G)
    world.until(lambda w: w.state.stable and w.state.stable.slot is G)
    assert world.state.transition is None


def test_down_stops_a_gateway_that_does_not_answer() -> None:
    world = serving()
    world.deaf = True
    world.say(Verb.DOWN, reason="it hangs")
    world.until(lambda w: bool(acts(w, CloseGateway)))


def test_down_stops_the_members_behind_a_gateway_that_is_not_ours_to_stop() -> None:
    world = serving()
    world.say(Verb.DOWN, reason="moving house")
    world.fold(Intended(CloseGateway(), "bring-down", "down"))
    world.fold(Applied(Result.REFUSED, "it is the operator's own"))
    answer = world.tick().answer
    assert isinstance(answer, Do)
    assert isinstance(answer.act, Stop)


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


def test_a_stable_that_somebody_redeployed_is_a_persons_to_put_right() -> None:
    """Found by the model (liveness): nothing of ours would ever end this wait, so it says that a person must."""
    world = serving()
    world.put(B, READY, "v9", "api")
    wait = world.waits("StableDegraded")
    assert wait.blocked
    assert wait.alert
    assert world.weights == ON_BLUE


def test_drift_beside_a_redeployed_stable_is_a_persons_to_put_right_too() -> None:
    world = serving()
    world.put(B, READY, "v9", "api")
    world.set_gateway(weights=share(G, 30))
    assert world.waits("StableDegraded").blocked
    assert world.weights == share(G, 30)


def test_an_owner_that_runs_another_version_than_it_was_started_as_is_a_persons_to_put_right() -> None:
    world = serving()
    world.commit(spec(G, green="v2"))
    assert world.ended() is Phase.SUCCEEDED
    world.settled()
    world.put(G, READY, "v9", "worker")
    wait = world.waits("VersionMismatch")
    assert wait.blocked
    assert wait.alert
