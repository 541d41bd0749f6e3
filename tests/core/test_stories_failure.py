"""A bad version, and a newcomer in trouble: rolled back, held, not tried again. Each name is a promise."""

from __future__ import annotations

import pytest
from core_story import BLIND_STRATEGY, FAILED, INCONCLUSIVE, acts, happened, shares
from core_world import (
    ON_BLUE,
    ON_GREEN,
    READY,
    STOPPED,
    UNREADY,
    B,
    G,
    World,
    at,
    spec,
    switching,
)

from reconciler.core.events import Began, DriftFound, Ended, Intended, Phase, RollbackBegan, Verb
from reconciler.core.model import Admission, Pair, share


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


def test_stables_death_is_not_held_against_the_newcomer() -> None:
    world = switching().until(at(50))
    world.put(B, STOPPED, None, "api")
    world.verdicts["v2"] = FAILED  # by the users' road, half of which leads to stable
    world.tick()
    assert not happened(world, RollbackBegan)
    world.verdicts.clear()
    assert world.ended() is Phase.SUCCEEDED


def test_a_power_cut_in_mid_shift_goes_back_and_tries_again_but_only_once() -> None:
    world = switching().until(at(50))
    world.reboot()
    world.until(lambda w: bool(happened(w, Ended)))
    assert happened(world, Ended)[-1].phase is Phase.ROLLED_BACK
    assert not world.state.held, "the machine went down, not the version"
    world.until(at(50))
    world.reboot()
    world.until(lambda w: len(happened(w, Ended)) == 2)
    assert [held.version for held in world.state.held] == ["v2"]


def test_what_a_deadline_waited_for_is_part_of_the_reason() -> None:
    world = switching()
    world.slow.add("v2")
    assert world.ended() is Phase.ROLLED_BACK
    assert "green" in happened(world, RollbackBegan)[-1].reason


def test_missing_files_stop_nothing_that_runs_in_the_idle_slot() -> None:
    world = switching("v3").until(lambda w: bool(happened(w, Began)))
    order = [type(act).__name__ for act in acts(world.settled(), object) if getattr(act, "slot", None) is G]
    assert order.index("StageFiles") < order.index("Start")
    stops = [place for place, kind in enumerate(order) if kind == "Stop"]
    starts = [place for place, kind in enumerate(order) if kind == "StageFiles"]
    assert all(any(staged < stop for staged in starts) for stop in stops)


def test_weights_that_somebody_else_left_are_on_record_before_the_way_back_overwrites_them() -> None:
    world = switching().until(at(50))
    world.set_gateway(weights=share(G, 30))
    world.say(Verb.ABORT)
    world.ended()
    drifts = [event for event in happened(world, DriftFound) if event.found == share(G, 30)]
    assert len(drifts) == 1
    back = next(e for e in world.events if isinstance(e, Intended) and e.rule == "go-back")
    assert world.events.index(drifts[0]) < world.events.index(back)


def test_a_pin_that_is_taken_out_and_put_back_is_still_held() -> None:
    world = bad_switch()
    world.commit(spec())
    world.settled()
    world.commit(spec(G, green="v2"))
    assert world.waits("RevisionHeld").blocked
    assert shares(world) == [0, 10, 0]


def test_what_the_gateway_remembers_of_a_life_before_is_not_held_against_a_newcomer() -> None:
    """Both slots had died under traffic; this one was started again, and its preflight is good."""
    world = switching().until(lambda w: bool((t := w.state.transition) and t.up))
    world.set_gateway(ejected=Pair(False, True))
    assert "still gives green up, for what was there before green@v2 was started" in world.waits("NotReady").message
    assert world.weights == ON_BLUE
    world.set_gateway(ejected=Pair(False, False))
    assert world.ended() is Phase.SUCCEEDED


def test_a_newcomer_that_the_gateway_gives_up_under_traffic_is_rolled_back() -> None:
    world = switching().until(at(10))
    world.set_gateway(ejected=Pair(False, True))
    assert world.ended() is Phase.ROLLED_BACK
    assert [event.condition for event in happened(world, RollbackBegan)] == ["NewcomerEjected"]
