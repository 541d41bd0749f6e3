"""Whose commit an end is: the one that asked for what ended, wherever the branch's head is by then."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_story import FAILED, acts, happened, succeeded
from core_world import B, G, World, at, serving, spec, switching

from reconciler.core.conditions import status
from reconciler.core.events import Accepted, Adopted, Began, Phase, Rebound, Verb
from reconciler.core.model import Release, Slot
from reconciler.core.plan import decide
from reconciler.core.reading import MemberStatus
from reconciler.core.steps import Note, PutBack

GREEN = spec(G, green="v2")


def asked(world: World) -> str:
    """The revision that is in force."""
    return happened(world, Accepted)[-1].revision


def success(**changes: object) -> World:
    world = succeeded()
    world.tells = True
    return world


def roll_back(world: World) -> World:
    world.say(Verb.ROLLBACK, reason="users complain")
    assert world.ended() is Phase.ROLLED_BACK
    return world.until(lambda w: bool(w.state.duty and w.state.duty.over), 1000)


# ---- a late rollback -------------------------------------------------------------------------------------------------


def test_an_invalid_edit_on_top_is_neither_blamed_nor_put_back() -> None:
    world = success()
    green = asked(world)
    world.commit(None)
    world.waits("DesiredInvalid")
    edit = world.desired.revision
    roll_back(world)
    assert not acts(world, PutBack)
    assert world.head is None
    assert set(world.notes) == {green}
    assert world.notes[green].startswith("RolledBack")
    assert world.desired.revision == edit


def test_a_head_that_is_refused_is_not_blamed() -> None:
    world = success()
    green = asked(world)
    world.commit(spec(G, green="v3"))  # in place: StablePinned
    world.waits("StablePinned")
    roll_back(world)
    assert world.notes[green].startswith("RolledBack")
    assert not acts(world, PutBack)


def test_a_repository_that_is_away_is_told_when_it_is_back() -> None:
    world = success()
    green, head = asked(world), world.head
    world.head, world.gone = None, True
    world.waits("DesiredInvalid")
    world.say(Verb.ROLLBACK, reason="users complain")
    assert world.ended() is Phase.ROLLED_BACK
    world.waits("RevisionHeld")
    assert world.notes[green].startswith("Succeeded")
    world.head, world.gone = head, False
    world.settled()
    assert world.notes[green].startswith("RolledBack")
    assert world.head == spec()


def test_a_late_rollback_of_what_git_does_not_ask_for_any_more_is_told_where_it_was_asked_for() -> None:
    world = success()
    green = asked(world)
    world.say(Verb.PAUSE, reason="lunch")
    world.commit(spec(B, green="v2"))
    world.waits("Paused")
    world.say(Verb.ROLLBACK, reason="users complain")
    assert world.ended() is Phase.ROLLED_BACK
    world.until(lambda w: green in w.notes, 1000)
    assert set(world.notes) == {green}
    assert not acts(world, PutBack)


# ---- a commit about something else in between ------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", ["good", "bad"])
def test_what_is_committed_while_it_waits_to_begin_takes_no_note(verdict: str) -> None:
    world = serving(tells=True)
    world.say(Verb.PAUSE, reason="lunch")
    world.commit(GREEN)
    world.waits("Paused")
    green = asked(world)
    world.commit(GREEN)  # the same for this environment: about another one, or a comment
    world.waits("Paused")
    world.say(Verb.RESUME)
    if verdict == "bad":
        world.verdicts["v2"] = FAILED
    world.ended()
    world.settled()
    assert set(world.notes) == {green}
    assert (world.head == spec()) is (verdict == "bad")


def test_after_retry_the_note_is_where_it_was() -> None:
    world = serving(tells=True)
    world.obstacle = "the file is changed"
    world.commit(GREEN)
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    world.waits("RevisionHeld")
    green = asked(world)
    world.commit(GREEN)
    world.verdicts.clear()
    world.say(Verb.RETRY, reason="the database was full")
    assert world.ended() is Phase.SUCCEEDED
    world.settled()
    assert set(world.notes) == {green}
    assert world.notes[green].startswith("Succeeded")


def test_another_policy_under_way_is_who_asked_from_then_on() -> None:
    world = switching(tells=True).until(at(50))
    world.commit(spec(G, green="v2", soak=30.0))
    world.until(lambda w: bool(happened(w, Rebound)))
    world.commit(spec(G, green="v2", soak=30.0))
    assert world.ended() is Phase.SUCCEEDED
    world.settled()
    assert set(world.notes) == {happened(world, Rebound)[0].revision} == {asked(world)}


# ---- an adoption ends it ---------------------------------------------------------------------------------------------


def adopted(world: World, slot: Slot) -> World:
    world.say(Verb.ADOPT, slot=slot, reason="it is good")
    return world.until(lambda w: bool(happened(w, Adopted)))


@pytest.mark.parametrize("back", [False, True])
def test_a_newcomer_that_is_adopted_is_noted(back: bool) -> None:
    world = switching(tells=True).until(at(50))
    green = asked(world)
    if back:
        world.put(B, MemberStatus.UNREADY, "v1")
        world.say(Verb.ABORT, reason="wrong day")
        world.waits("StableDegraded")
    adopted(world, G).until(lambda w: bool(w.notes), 1000)
    assert world.state.stable == Release(G, "v2")
    said = world.notes[green]
    assert said.startswith("Adopted: green@v2 serves, after blue@v1, because somebody said so")
    assert ("on its way back (Aborted: wrong day)" in said) is back
    assert not acts(world, PutBack)
    assert not world.state.held


def test_a_switch_that_ends_because_stable_was_adopted_is_noted_and_begins_again() -> None:
    world = switching(tells=True).until(at(50))
    green = asked(world)
    adopted(world, B).until(lambda w: bool(acts(w, Note)), 1000)
    assert acts(world, Note)[0].text.startswith("Adopted: blue@v1 serves, while green@v2 was to take over")
    assert world.ended() is Phase.SUCCEEDED
    world.settled()
    assert set(world.notes) == {green}
    assert world.notes[green].startswith("Succeeded")


# ---- a note that git does not take -----------------------------------------------------------------------------------


def test_a_note_that_git_refuses_is_told_beside_in_sync_until_it_is_taken() -> None:
    world = success()
    world.commit(spec(G, green="v2", soak=30.0))
    world.settled()
    world = switching(tells=True)
    green = world.desired.revision
    world.lost.add(green)  # git's no
    assert world.ended() is Phase.SUCCEEDED
    told = world.until(lambda w: bool(w.state.untold)).waits("InSync")
    assert told.message == "green@v2 serves; NotePending: there is no such commit any more"
    seen = world.look()
    found = status(world.desired, seen, world.state, decide(world.desired, seen, world.state, world.now))
    condition = next(one for one in found.conditions if one.type == "NotePending")
    assert (condition.status, condition.reason) == (True, "GitRefuses")
    assert condition.message == "there is no such commit any more"
    assert found.exit_code == 0
    world.lost.clear()
    world.until(lambda w: green in w.notes, 2000)
    assert world.waits("InSync").message == "green@v2 serves"


def test_what_is_refused_is_told_beside_a_held_version_too() -> None:
    world = switching(tells=True)
    world.obstacle = "the file is changed"
    world.lost.add(world.desired.revision)
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    world.until(lambda w: bool(w.state.untold))
    said = world.waits("RevisionHeld").message
    assert "RevertPending: the file is changed; NotePending: there is no such commit any more" in said


def test_the_law_finds_an_end_that_is_put_down_to_the_head() -> None:
    from core_laws import asked_for

    world = serving(tells=True)
    world.commit(GREEN)
    world.until(lambda w: bool(happened(w, Began)))
    edge = next(edge for edge in world.edges if edge.decision.rule == "begin")
    assert not asked_for(edge)
    event = replace(edge.decision.answer.event, revision="head")
    wrong = replace(edge, decision=replace(edge.decision, answer=replace(edge.decision.answer, event=event)))
    assert "is said to be asked for at head" in asked_for(wrong)
