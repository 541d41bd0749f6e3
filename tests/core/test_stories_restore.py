"""A recovery point that is put back into its place, by somebody who is killed in the midst of it."""

from __future__ import annotations

import pytest
from core_story import acts, happened
from core_world import ON_BLUE, STABLE, STOPPED, B, G, World, at, serving, spec, switching

from reconciler.core.conditions import BLOCKED, status, what_next
from reconciler.core.events import (
    Began,
    DrillBegan,
    Event,
    Phase,
    RequestRefused,
    RestoreBegan,
    Restored,
    RestoreGivenUp,
    Verb,
)
from reconciler.core.model import Outcome
from reconciler.core.plan import decide
from reconciler.core.preview import preview
from reconciler.core.restoring import told as besides
from reconciler.core.situation import Situation, Wait
from reconciler.core.steps import Start, Stop
from reconciler.wording import describe

BEGUN = RestoreBegan("a.zip", "d1", "wrong notes", "20261130-080000")
ENDS = (Restored("a.zip", "d1"), RestoreGivenUp("a.zip", "d1", "put right by hand"))


def down() -> World:
    world = serving()
    world.say(Verb.DOWN)
    world.waits("Down")
    return world


def told(world: World) -> Wait:
    """What it waits for, decided once more and without doing anything."""
    answer = decide(world.desired, world.look(), world.state, world.now).answer
    assert isinstance(answer, Wait)
    return answer


@pytest.mark.parametrize("end", ENDS, ids=["again", "by hand"])
def test_after_down_nothing_starts_until_it_has_ended(end: Event) -> None:
    world = down()
    world.fold(BEGUN)
    world.say(Verb.RESUME)
    wait = world.waits("RestoreUnfinished")
    before = acts(world, Start)
    assert "a.zip" in wait.message
    assert "reconcile restore demo --in-place" in wait.message
    assert "--into FOLDER" in wait.message
    for _ in range(30):
        world.tick()
    assert acts(world, Start) == before
    assert (wait.blocked, wait.alert) == (True, True)
    world.fold(end)
    world.settled()
    assert world.weights == ON_BLUE


@pytest.mark.parametrize("verb", [Verb.DOWN, Verb.SUSPEND])
def test_while_it_is_down_or_suspended_it_is_told_too_and_nobody_is_woken(verb: Verb) -> None:
    """It is so, too, while it is under way just now."""
    world = serving()
    world.say(verb)
    world.waits("Down" if verb is Verb.DOWN else "Suspended")
    world.fold(BEGUN)
    wait = world.waits("RestoreUnfinished")
    assert (wait.blocked, wait.alert) == (True, False)
    assert "reconcile resume demo" in wait.message


def test_the_screen_says_it_and_what_to_type() -> None:
    world = down()
    world.fold(BEGUN)
    world.say(Verb.RESUME)
    decision = decide(world.desired, world.look(), world.state, world.now)
    found = status(world.desired, world.look(), world.state, decision)
    assert (found.reason, found.exit_code, found.phase) == ("RestoreUnfinished", BLOCKED, Phase.STALLED)
    assert what_next(found.reason, "demo", "") == "reconcile restore demo --in-place"
    road = preview(world.desired, world.look(), world.state, world.now)
    assert not [planned for planned in road.steps if isinstance(planned.what, Start)]


def test_a_commit_does_not_begin_on_such_data_and_does_when_they_are_whole() -> None:
    world = serving()
    world.fold(BEGUN)
    world.commit(spec(G, green="v2"))
    world.waits("RestoreUnfinished")
    assert happened(world, Began) == []
    world.fold(ENDS[0])
    assert world.ended() is Phase.SUCCEEDED


def test_in_mid_transition_the_newcomer_gains_nobody() -> None:
    world = switching()
    world.until(at(10))
    world.fold(BEGUN)
    world.waits("RestoreUnfinished")
    for _ in range(60):
        world.tick()
    assert world.state.transition
    assert world.state.transition.rung == 10
    world.fold(ENDS[1])
    assert world.ended() is Phase.SUCCEEDED


def test_a_bad_newcomer_loses_its_users_all_the_same() -> None:
    world = switching()
    world.until(at(50))
    world.fold(BEGUN)
    world.verdicts["v2"] = Outcome.FAILED
    assert world.ended() is Phase.ROLLED_BACK
    assert world.weights == ON_BLUE


def test_what_has_ended_is_not_started_again_on_such_data() -> None:
    world = serving()
    world.fold(BEGUN)
    world.put(B, STOPPED, None)
    before = acts(world, Start)
    world.waits("RestoreUnfinished")
    assert acts(world, Start) == before
    world.fold(ENDS[0])
    world.settled()
    assert world.state.stable == STABLE


def test_down_stops_everything_all_the_same() -> None:
    world = serving()
    world.fold(BEGUN)
    world.say(Verb.DOWN)
    world.waits("RestoreUnfinished")
    world.until(lambda w: w.state.went_down)
    assert acts(world, Stop)


def test_no_drill_begins_and_a_rollback_waits() -> None:
    world = switching()
    assert world.ended() is Phase.SUCCEEDED
    world.settled()
    world.fold(BEGUN)
    world.say(Verb.DRILL)
    world.say(Verb.ROLLBACK)
    world.waits("RestoreUnfinished")
    (refused,) = happened(world, RequestRefused)
    assert "RestoreUnfinished" in refused.reason
    assert happened(world, DrillBegan) == []
    world.fold(ENDS[0])
    assert world.ended() is Phase.ROLLED_BACK
    assert world.weights == ON_BLUE


def test_one_that_is_begun_again_has_kept_what_was_there_since_the_first() -> None:
    world = down()
    world.fold(BEGUN)
    world.fold(RestoreBegan("b.zip", "d2", "", "20261130-090000"))
    assert world.state.restoring == RestoreBegan("b.zip", "d2", "", BEGUN.stamp)


def test_one_of_an_earlier_version_which_did_not_say_how_it_ended_keeps_nothing_down() -> None:
    world = down()
    world.fold(RestoreBegan("a.zip", "d1", "no room"))
    world.say(Verb.RESUME)
    world.waits("InSync")


def test_who_would_be_woken_by_what_is_waited_for_besides_is_woken_also_while_it_is_suspended() -> None:
    world = switching()
    world.fold(BEGUN)
    world.say(Verb.SUSPEND)
    seen = Situation(world.desired, world.desired.head or spec(), world.look(), world.state, world.now)
    for alert in (False, True):
        found = besides(seen, Wait("GatewayUnreachable", "nobody answers", alert=alert))
        assert isinstance(found, Wait)
        assert (found.reason, found.alert) == ("RestoreUnfinished", alert)


def test_its_entries_can_be_read() -> None:
    assert [describe(event) for event in (BEGUN, ENDS[1])] == [
        "recovery point a.zip (SHA-256 d1) is being put back: wrong notes",
        "recovery point a.zip is not put back after all: put right by hand",
    ]
