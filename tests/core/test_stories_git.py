"""What git is told of an end: the file of what failed is put back, and no later commit brings it back by accident."""

from __future__ import annotations

from core_story import FAILED, acts, happened, succeeded, version_of
from core_world import G, World, at, serving, spec, switching

from reconciler.core.conditions import status
from reconciler.core.events import Accepted, Began, Phase, Verb
from reconciler.core.model import GitAfter, Slot, share
from reconciler.core.plan import decide
from reconciler.core.preview import preview
from reconciler.core.reading import MemberStatus
from reconciler.core.steps import PutBack

BAD = spec(G, green="v2")


def rolled_back(world: World | None = None) -> World:
    """green@v2 failed, everybody is back on blue, and it is at rest or cannot get there."""
    world = world or switching(tells=True)
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    return world


def began(world: World) -> int:
    return len(happened(world, Began))


def test_after_a_rollback_the_file_is_as_it_was_and_the_version_is_held() -> None:
    world = rolled_back().settled()
    assert world.head == spec()
    assert world.state.is_held("v2")
    assert len(acts(world, PutBack)) == 1


def test_an_old_work_trees_commit_does_not_bring_the_bad_version_back() -> None:
    """Somebody had the file open during the rollback, and commits it as he sees it."""
    world = rolled_back().settled()
    tries = began(world)
    world.commit(BAD)
    assert world.waits("RevisionHeld").blocked
    world.commit(spec(G, green="v2", soak=30.0))  # and goes on working on it
    assert world.waits("RevisionHeld").blocked
    assert began(world) == tries


def test_a_policy_commit_in_between_does_not_end_the_hold_either() -> None:
    world = rolled_back().settled()
    world.commit(spec(soak=30.0))
    world.settled()
    world.commit(BAD)
    assert world.waits("RevisionHeld").blocked


def test_after_an_adoption_what_somebody_goes_back_to_ends_no_hold_either() -> None:
    """Git asked for green@v2 already when blue was adopted: what was pinned before it nobody knows."""
    world = World(head=BAD, tells=True)
    world.set_gateway(up=True, weights=share(G, 0))
    world.put(Slot.BLUE, MemberStatus.READY, "v1")
    rolled_back(world)
    tries = began(world)
    world.commit(spec(green="v0"))  # reverted by hand
    world.settled()
    world.commit(BAD)
    assert world.waits("RevisionHeld").blocked
    assert began(world) == tries
    world.commit(spec(G, green="v3"))
    assert world.ended() is Phase.SUCCEEDED
    assert not world.state.held


def test_another_version_ends_the_hold() -> None:
    world = rolled_back().settled()
    world.commit(spec(G, green="v3"))
    assert world.ended() is Phase.SUCCEEDED
    assert not world.state.held


def test_retry_brings_it_back_with_a_reason() -> None:
    world = rolled_back().settled()
    world.verdicts.clear()
    world.commit(BAD)
    world.waits("RevisionHeld")
    world.say(Verb.RETRY, reason="the database was full")
    assert world.ended() is Phase.SUCCEEDED


def test_what_failed_stays_up_for_study_although_its_file_was_put_back() -> None:
    """And then the idle slot is what git says again."""
    world = serving(head=spec(green="v0"), tells=True)
    world.commit(BAD)
    rolled_back(world)
    until = world.now + 90
    world.until(lambda w: w.now > until)
    assert world.head == spec(green="v0")
    assert version_of(world, G) == "v2"
    world.until(lambda w: version_of(w, G) == "v0")


def test_every_end_is_noted_at_its_revision() -> None:
    world = rolled_back().settled()
    revision = happened(world, Began)[0].revision
    assert world.notes[revision].startswith("RolledBack (AnalysisFailed): green@v2 went back to blue@v1")
    assert "put back: " in world.notes[revision]
    good = succeeded()
    assert good.notes[happened(good, Began)[0].revision].startswith("Succeeded: green@v2 serves")


def test_a_file_that_cannot_be_put_back_is_told_noted_and_put_back_when_it_can() -> None:
    world = switching(tells=True)
    world.obstacle = "the file is changed in the work tree; type: git restore ..."
    rolled_back(world)
    said = world.waits("RevisionHeld").message
    assert "RevertPending: the file is changed in the work tree; type: git restore ..." in said
    seen = world.look()
    found = status(world.desired, seen, world.state, decide(world.desired, seen, world.state, world.now))
    pending = next(one for one in found.conditions if one.type == "RevertPending")
    assert pending.status
    assert "RevertPending" in world.notes[happened(world, Began)[0].revision]
    assert not acts(world, PutBack)
    world.obstacle = ""
    world.settled()
    assert world.head == spec()
    assert "RevertPending" not in world.notes[happened(world, Began)[0].revision]


def test_a_file_that_somebody_has_changed_since_is_left_alone() -> None:
    world = switching(tells=True)
    world.obstacle = "a merge is in progress"
    rolled_back(world)
    world.waits("RevisionHeld")
    world.commit(spec(G, green="v3"))
    world.obstacle = ""
    assert world.ended() is Phase.SUCCEEDED
    assert not acts(world, PutBack)


def test_with_note_only_nothing_is_put_back() -> None:
    world = serving(tells=True)
    world.commit(spec(G, green="v2", git_after=GitAfter.NOTE))
    rolled_back(world)
    assert world.waits("RevisionHeld").blocked
    assert not acts(world, PutBack)
    assert world.notes


def test_an_aborted_switch_is_put_back_too() -> None:
    world = switching(tells=True).until(at(50))
    world.say(Verb.ABORT, reason="wrong day")
    assert world.ended() is Phase.ABORTED
    world.settled()
    assert world.head == spec()


def test_what_was_superseded_is_noted_and_nothing_is_put_back() -> None:
    world = switching(tells=True).until(at(50))
    old = world.desired.revision
    world.commit(spec(G, green="v3"))
    assert world.ended() is Phase.SUPERSEDED
    assert world.ended() is Phase.SUCCEEDED
    world.settled()
    assert world.notes[old].startswith("Superseded")
    assert not acts(world, PutBack)


def test_a_late_rollback_puts_back_what_asked_for_the_release_before() -> None:
    world = succeeded()
    world.tells = True
    world.commit(spec(G, green="v2", soak=30.0))  # a policy commit after the success is no state to go back to
    world.settled()
    world.say(Verb.ROLLBACK, reason="it is slow")
    assert world.ended() is Phase.ROLLED_BACK
    world.settled()
    assert world.head == spec()


def test_git_that_does_not_answer_stops_nothing_else() -> None:
    world = switching(tells=True)
    world.gone = True
    rolled_back(world)
    assert world.waits("RevisionHeld").blocked
    assert world.weights
    assert world.weights[Slot.BLUE] == 100
    world.gone = False
    world.settled()
    assert world.head == spec()


def test_a_crash_while_the_file_is_put_back_is_found_out_by_looking() -> None:
    for crash in ("before", "after"):
        world = rolled_back()
        world.crash = crash
        world.until(lambda w: not w.crash)
        world.settled()
        assert world.head == spec()
        assert len([e for e in happened(world, Accepted) if e.digest == spec().digest]) == 2


def test_the_preview_of_a_failure_says_that_the_file_is_put_back() -> None:
    world = rolled_back()
    road = preview(world.desired, world.look(), world.state, world.now)
    assert [planned.what for planned in road.steps if isinstance(planned.what, PutBack)]


def test_notes_and_files_never_stand_in_the_way_of_a_new_transition() -> None:
    world = switching(tells=True)
    world.gone = True
    rolled_back(world)
    world.waits("RevisionHeld")
    world.commit(spec(G, green="v3"))
    assert world.ended() is Phase.SUCCEEDED
    assert not world.notes  # git never answered, and nothing waited for it
