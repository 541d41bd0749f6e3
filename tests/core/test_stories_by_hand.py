"""Somebody went back by hand, with a transition's script, while no reconciler ran. The next one finds it so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_story import FAILED, acts, happened, migrating, outgrowing, succeeded
from core_world import ON_BLUE, ON_GREEN, READY, STOPPED, B, G, World, at, serving, spec, switching

from reconciler.core.conditions import status
from reconciler.core.events import DriftFound, Ended, Intended, MovedByHand, Phase, RollbackBegan, Verb
from reconciler.core.model import Admission
from reconciler.core.situation import Wait
from reconciler.core.state import Word
from reconciler.core.steps import Route

PLACES = [at(10), at(50), at(100), at(100, Phase.HANDING_OVER), at(100, Phase.SOAKING)]


def moved(world: World, slot: object = B) -> World:
    """It is moved while nobody looks, and then somebody does."""
    world.crash = "before"
    world.tick()
    world.crash = ""
    world.move_by_hand(slot)  # type: ignore[arg-type]
    return world


@pytest.mark.parametrize("place", PLACES[:3])
def test_moved_back_in_mid_shift_it_is_rolled_back_and_suspended_and_nothing_is_touched(place: object) -> None:
    world = moved(switching().until(place))  # type: ignore[arg-type]
    before, done = world.observed, len(happened(world, Intended))
    wait = world.waits("Suspended")
    assert "somebody moved all traffic to blue by hand" in wait.message
    assert "reconcile resume demo" in wait.message
    assert (world.state.transition, world.state.last.phase) == (None, Phase.ROLLED_BACK)  # type: ignore[union-attr]
    assert (world.state.held[0].version, world.state.held[0].condition) == ("v2", "MovedByHand")
    assert len(happened(world, Intended)) == done
    assert world.observed.members == before.members
    assert happened(world, DriftFound) == [], "whoever did it knew why"
    said = status(world.desired, world.look(), world.state, world.edges[-1].decision)
    assert (said.phase, said.health, said.exit_code) == (Phase.ROLLED_BACK, "Suspended", 3)


def test_what_the_newcomer_owns_is_handed_back_only_after_resume() -> None:
    world = moved(switching().until(at(100, Phase.SOAKING)))
    assert world.observed.members[G][1].status is READY
    world.waits("Suspended")
    assert world.state.transition, "the way back is not over"
    assert world.state.transition.going_back
    assert world.observed.members[G][1].status is READY, "untouched"
    world.say(Verb.RESUME)
    assert world.ended() is Phase.ROLLED_BACK
    assert (world.observed.members[G][1].status, world.observed.members[B][1].status) != (READY, READY)
    world.waits("RevisionHeld")
    assert world.observed.members[B][1].status is READY


def test_who_handed_the_worker_back_by_hand_too_has_ended_the_transition() -> None:
    world = moved(switching().until(at(100, Phase.SOAKING)))
    world.put(G, STOPPED, None, "worker")
    world.put(B, READY, "v1", "worker")
    world.waits("Suspended")
    assert world.state.transition is None


def test_resume_takes_the_gateway_back_at_the_same_weights_and_goes_on() -> None:
    world = moved(switching().until(at(50)))
    world.waits("Suspended")
    writes = len(acts(world, Route))
    world.say(Verb.RESUME)
    world.waits("RevisionHeld")
    assert [act.after.weights for act in acts(world, Route)[writes:]] == [ON_BLUE]
    assert world.gateway.stamp
    assert not world.gateway.stamp.by_hand
    assert world.state.by_hand is Word.NONE
    world.say(Verb.RETRY)
    assert world.ended() is Phase.SUCCEEDED


def test_a_crash_between_the_intent_to_take_it_back_and_the_write_asks_nobody_again() -> None:
    world = moved(switching().until(at(50)))
    world.waits("Suspended")
    world.say(Verb.RESUME)
    world.crash = "before"
    world.waits("RevisionHeld")
    assert len(happened(world, MovedByHand)) == 1


def test_moved_by_hand_twice_it_is_on_record_twice() -> None:
    world = moved(switching().until(at(50)))
    world.waits("Suspended")
    world.say(Verb.RESUME)
    world.waits("RevisionHeld")
    world.move_by_hand(B)
    world.waits("Suspended")
    assert len(happened(world, MovedByHand)) == 2


def test_moved_away_from_what_is_stable_it_waits_for_a_person_and_is_never_healed() -> None:
    """The script of a transition that has succeeded since."""
    world = succeeded()
    world.move_by_hand(B)
    wait = world.waits("AdoptionNeeded")
    assert "not to green@v2, which is stable" in wait.message
    assert wait.message.endswith("reconcile adopt demo --stable blue|green, then: reconcile resume demo")
    world.say(Verb.RESUME)
    world.waits("AdoptionNeeded")
    assert world.weights == ON_BLUE
    assert world.state.suspended == ""


@pytest.mark.parametrize(("slot", "weights"), [(B, ON_BLUE), (G, ON_GREEN)])
def test_who_says_which_slot_is_good_gets_that(slot: object, weights: object) -> None:
    world = succeeded()
    world.move_by_hand(B)
    world.waits("AdoptionNeeded")
    world.say(Verb.ADOPT, slot=slot)
    assert "reconcile resume demo" in world.waits("Suspended").message
    world.say(Verb.RESUME)
    world.until(lambda w: w.state.by_hand is Word.NONE)
    assert world.weights == weights
    assert world.state.stable
    assert world.state.stable.slot is slot


def test_moved_on_to_the_newcomer_in_mid_shift_nobody_is_led_back_but_by_a_word() -> None:
    world = moved(switching().until(at(50)), G)
    world.waits("AdoptionNeeded")
    assert world.weights == ON_GREEN
    world.say(Verb.ABORT)
    assert world.ended() is Phase.ABORTED
    assert world.weights == ON_BLUE
    assert isinstance(world.tick().answer, Wait)
    assert world.state.suspended, "it stays suspended, as it was"


def test_an_abort_of_before_is_no_answer_to_a_move_of_after() -> None:
    world = switching().until(at(50))
    world.say(Verb.ABORT)
    world.until(lambda w: bool(w.state.transition and w.state.transition.going_back))
    moved(world, G)
    world.waits("AdoptionNeeded")
    assert world.weights == ON_GREEN


def test_moved_at_rest_it_is_suspended_likewise() -> None:
    world = serving()
    world.move_by_hand(B)
    world.waits("Suspended")
    world.say(Verb.RESUME)
    world.settled()
    assert world.gateway.admission[G] is Admission.CLOSED
    assert happened(world, Ended) == []


def test_who_had_suspended_it_before_is_not_forgotten() -> None:
    world = serving()
    world.say(Verb.SUSPEND, reason="for the audit")
    world.move_by_hand(B)
    assert world.waits("Suspended").message.startswith("for the audit")
    assert len(happened(world, MovedByHand)) == 1


def test_moved_while_it_went_back_already_it_has_gone_back_for_its_own_reason() -> None:
    world = switching().until(at(50))
    world.verdicts["v2"] = FAILED
    world.until(lambda w: bool(w.state.transition and w.state.transition.going_back))
    moved(world)
    world.waits("Suspended")
    assert world.state.held[0].condition == "AnalysisFailed"
    assert [event.condition for event in happened(world, RollbackBegan)] == ["AnalysisFailed"]


def test_on_data_that_stable_does_not_work_with_it_is_no_rollback() -> None:
    world = moved(outgrowing().until(at(100)))
    assert "to blue@v1, which does not work with the data any more" in world.waits("AdoptionNeeded").message
    assert happened(world, RollbackBegan) == []


def test_what_is_not_known_of_a_migration_is_found_out_after_resume() -> None:
    world = migrating()
    world.until(lambda w: bool(w.state.transition and w.state.transition.begun))
    moved(world)
    world.waits("Suspended")
    assert world.state.transition, "it is not over before that is known"
    world.say(Verb.RESUME)
    assert world.ended() is Phase.ROLLED_BACK


def test_a_gateway_that_is_down_stays_so_until_resume_and_says_so() -> None:
    world = switching().until(at(50))
    world.set_gateway(up=False)
    world.move_by_hand(B)
    assert "the gateway is down" in world.waits("Suspended").message
    world.say(Verb.RESUME)
    world.waits("RevisionHeld")
    assert world.weights == ON_BLUE


def test_another_journals_script_is_anothers_business() -> None:
    world = serving()
    world.commit(spec(G, green="v2"))
    world.until(at(50))
    world.set_gateway(stamp=replace(world.gateway.stamp, journal="theirs"))  # type: ignore[type-var]
    world.move_by_hand(B)
    assert "another journal" in world.waits("AdoptionNeeded").message
