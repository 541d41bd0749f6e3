"""`onFailure: hold`: the share stays, for a time. Each name is a promise."""

from __future__ import annotations

from core_story import FAILED, happened
from core_world import STOPPED, B, G, World, at, spec, switching

from reconciler.core.events import Began, Phase, RollbackBegan, Verb
from reconciler.core.model import OnFailure, Outcome, share


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


def test_a_hold_that_a_person_has_mended_goes_on() -> None:
    """Neither the attempts nor the time of before count any more."""
    world = switching(on_failure=OnFailure.HOLD, progress_deadline=30.0).until(at(10))
    world.verdicts["v2"] = Outcome.INCONCLUSIVE
    world.now += 100
    world.waits("Holding")
    world.verdicts.clear()
    world.say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED


def test_resume_starts_again_what_had_died_in_a_hold() -> None:
    world = switching(on_failure=OnFailure.HOLD).until(at(50))
    world.put(G, STOPPED, None, "api")
    world.waits("Holding")
    world.say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED


def test_what_had_failed_and_was_holding_stays_held_when_somebody_goes_back_by_hand() -> None:
    """An old work tree's next commit does not bring it back."""
    world = holding()
    world.commit(spec(B, green="v2", on_failure=OnFailure.HOLD))
    assert world.ended() is Phase.SUPERSEDED
    world.settled()
    assert world.state.is_held("v2")
    began = len(happened(world, Began))
    world.commit(spec(G, green="v2", on_failure=OnFailure.HOLD))
    assert "AnalysisFailed" in world.waits("RevisionHeld").message
    assert len(happened(world, Began)) == began


def test_what_had_failed_and_was_holding_is_not_held_when_another_version_takes_its_place() -> None:
    world = holding()
    world.commit(spec(G, green="v3"))
    assert world.ended() is Phase.SUPERSEDED
    assert not world.state.held
    assert world.ended() is Phase.SUCCEEDED
