"""Git that refuses, is silent, or asks again for what somebody wants back: it is told in the end."""

from __future__ import annotations

from dataclasses import replace

from core_story import FAILED, acts, happened
from core_world import B, G, World, at, serving, spec, switching

from reconciler.core.conditions import Condition, status
from reconciler.core.diff import standing
from reconciler.core.endings import MOST_OWED
from reconciler.core.events import Began, Phase, RollbackBegan, Verb
from reconciler.core.model import Desired, GitAfter
from reconciler.core.plan import decide
from reconciler.core.reading import GitReading
from reconciler.core.steps import PutBack

BAD = spec(G, green="v2")


def run(world: World, seconds: float) -> World:
    until = world.now + seconds
    return world.until(lambda w: w.now > until, 5000)


def rolled_back(world: World) -> World:
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    return world


def in_the_way(obstacle: str = "the file is changed") -> World:
    """green@v2 failed, and its file cannot be put back."""
    world = switching(tells=True)
    world.obstacle = obstacle
    rolled_back(world).waits("RevisionHeld")
    return world


def refusing() -> World:
    """Nothing is in the way as far as can be seen, and git refuses all the same."""
    world = switching(tells=True)
    world.refuses = "the disk is full"
    return rolled_back(world)


def pending(world: World, desired: Desired | None = None) -> Condition:
    seen, wanted = world.look(), desired or world.desired
    found = status(wanted, seen, world.state, decide(wanted, seen, world.state, world.now))
    return next(one for one in found.conditions if one.type == "RevertPending")


# ---- what somebody wants back ----------------------------------------------------------------------------------------


def put_back_by_hand() -> World:
    world = in_the_way()
    world.commit(spec())
    world.obstacle = ""
    world.settled()
    world.verdicts.clear()
    return world


def test_after_retry_the_same_file_committed_again_is_not_put_back() -> None:
    world = put_back_by_hand()
    world.say(Verb.RETRY, reason="the database was full")
    world.commit(BAD)
    assert world.ended() is Phase.SUCCEEDED
    assert not acts(world, PutBack)


def test_what_was_put_back_by_hand_and_is_committed_again_waits_for_retry_and_is_not_put_back() -> None:
    world = put_back_by_hand()
    world.commit(BAD)
    run(world, 10)
    assert world.waits("RevisionHeld").blocked
    world.say(Verb.RETRY, reason="the database was full")
    assert world.ended() is Phase.SUCCEEDED
    assert not acts(world, PutBack)


def test_retry_while_a_file_waits_to_be_put_back_keeps_its_note_and_forgets_the_file() -> None:
    world = in_the_way()
    revision = happened(world, Began)[0].revision
    world.say(Verb.RETRY, reason="the database was full")
    world.verdicts.clear()
    world.obstacle = ""
    assert world.ended() is Phase.SUCCEEDED
    world.settled()
    assert world.notes[revision].startswith("Succeeded")  # the same revision, begun again
    assert not acts(world, PutBack)


def test_a_file_is_put_back_on_the_branch_that_asked_for_it_whatever_is_looked_at_later() -> None:
    world = switching(tells=True)
    world.branch = "main"
    world.until(at(50))
    world.branch = "feature"
    rolled_back(world).settled()
    assert [act.branch for act in acts(world, PutBack)] == ["main"]


# ---- a git that does not do it ---------------------------------------------------------------------------------------


def test_a_put_back_that_git_refuses_leaves_a_note_all_the_same() -> None:
    world = run(refusing(), 60)
    (note,) = world.notes.values()
    assert note.startswith("RolledBack")
    assert note.endswith("put back: not yet (RevertPending)")


def test_a_put_back_that_git_refuses_shows_as_revert_pending_and_is_tried_less_and_less_often() -> None:
    world = refusing()
    assert "RevertPending: the disk is full" in world.waits("RevisionHeld").message
    run(world, 3600)
    found = pending(world)
    assert (found.status, found.message) == (True, "the disk is full")
    assert 10 < len(acts(world, PutBack)) < 20
    world.refuses = ""
    world.settled()
    assert world.head == spec()


def test_a_git_that_does_not_answer_does_not_fill_the_journal() -> None:
    world = switching(tells=True)
    assert world.ended() is Phase.SUCCEEDED
    world.gone = True
    before = len(world.events)
    run(world, 3600)
    assert len(world.events) - before < 50
    world.gone = False
    world.settled()
    run(world, 400)
    assert world.notes


def test_with_note_only_nothing_is_pending() -> None:
    world = serving(tells=True)
    world.commit(spec(G, green="v2", git_after=GitAfter.NOTE))
    world.obstacle = "the file is changed"
    rolled_back(world).waits("RevisionHeld")
    assert not pending(world).status


def test_nothing_is_put_on_top_of_a_head_that_is_refused() -> None:
    """Our signature would vouch for what is below it."""
    world = in_the_way()
    for reason, forward in (("RevisionUnverified", True), ("BranchRewritten", False)):
        head = None if forward else spec(G, green="v3")
        desired = Desired("f" * 40, head, "is not signed", BAD, forward, "RevisionUnverified")
        refused = standing(desired, world.state).refused
        assert refused
        assert refused.reason == reason
        seen = replace(world.look(), git=GitReading(world.state.duty.transition, True))  # type: ignore[union-attr]
        decision = decide(desired, seen, world.state, world.now + 60)
        assert not isinstance(getattr(decision.answer, "act", None), PutBack)
        found = status(desired, seen, world.state, decision)
        assert next(one for one in found.conditions if one.type == "RevertPending").message == refused.message


# ---- what is still to be told ----------------------------------------------------------------------------------------


def test_the_note_of_what_was_superseded_is_not_lost_when_git_is_away_for_a_moment() -> None:
    world = switching(tells=True).until(at(50))
    old = world.desired.revision
    world.gone = True
    world.commit(spec(G, green="v3"))
    assert world.ended() is Phase.SUPERSEDED
    run(world, 3)
    world.gone = False
    assert world.ended() is Phase.SUCCEEDED
    world.settled()
    assert world.notes[old].startswith("Superseded")
    assert world.notes[world.desired.revision].startswith("Succeeded")
    assert not world.state.owed


def test_of_many_ends_that_git_has_not_heard_of_the_latest_are_remembered() -> None:
    world = switching(tells=True).until(at(10))
    world.gone = True
    for number in range(3, 15):
        world.commit(spec(G, green=f"v{number}"))
        assert world.ended() is Phase.SUPERSEDED
        world.until(at(10))
    assert len(world.state.owed) == MOST_OWED
    world.gone = False
    assert world.ended() is Phase.SUCCEEDED
    run(world, 400)
    assert len(world.notes) == MOST_OWED + 1
    assert not world.state.owed


def test_a_note_that_can_never_be_written_keeps_no_other_from_being_written() -> None:
    world = switching(tells=True).until(at(50))
    world.lost.add(world.desired.revision)
    world.commit(spec(G, green="v3"))
    assert world.ended() is Phase.SUPERSEDED
    assert world.ended() is Phase.SUCCEEDED
    run(world, 60)
    assert world.notes[world.desired.revision].startswith("Succeeded")


def test_after_a_crash_behind_the_commit_the_note_names_it_all_the_same() -> None:
    world = rolled_back(switching(tells=True))
    world.crash = "after"
    world.until(lambda w: not w.crash)
    world.settled()
    assert world.head == spec()
    assert world.notes[happened(world, Began)[0].revision].endswith(f"put back: {world.desired.revision}")
    assert len(acts(world, PutBack)) == 1


def test_what_is_adopted_on_the_way_back_has_failed_all_the_same() -> None:
    world = switching(tells=True).until(at(50))
    world.verdicts["v2"] = FAILED
    world.until(lambda w: bool(happened(w, RollbackBegan)))
    world.say(Verb.ADOPT, slot=B)
    run(world, 60)
    assert len(happened(world, Began)) == 1
    assert world.state.is_held("v2")
    assert world.head == spec()
    assert "put back: " in world.notes[happened(world, Began)[0].revision]


def test_a_newcomer_that_is_adopted_on_the_way_back_is_not_held() -> None:
    world = switching(tells=True).until(at(50))
    world.verdicts["v2"] = FAILED
    world.until(lambda w: bool(happened(w, RollbackBegan)))
    world.say(Verb.ADOPT, slot=G)
    run(world, 60)
    assert not world.state.held
    assert world.state.stable == BAD.target
