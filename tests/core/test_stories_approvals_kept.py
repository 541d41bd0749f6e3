"""How long an approval holds, and what ends it; how long is asked, and what does not count. Each name is a promise."""

from __future__ import annotations

from dataclasses import replace

from core_story import BOTH_WORK, INCONCLUSIVE, acts, asked, happened, later
from core_world import WEB, B, G, World, spec

from reconciler.core.events import (
    Admitted,
    ApprovalAsked,
    ApprovalVoided,
    Approved,
    Created,
    HoldBegan,
    Phase,
    RollbackBegan,
    Verb,
)
from reconciler.core.model import Approvals, OnFailure, Stage, share
from reconciler.core.reading import Closed, MemberStatus
from reconciler.core.steps import Start

BEFORE = WEB.__class__("ready", "http", Stage.PREFLIGHT, WEB.mode)
DAY = 86400.0


def waiting(*before: Stage, **changes: object) -> World:
    world = asked(*before, **changes)
    world.waits("WaitingApproval")
    return world


def half_agreed(*before: Stage, **changes: object) -> World:
    """Two are asked, and one of them has agreed."""
    world = waiting(*before, minimum=2, **changes)
    world.vote("ann")
    return world.until(lambda w: bool(happened(w, Approved)))


def closed_for(world: World, seconds: float) -> None:
    world.closed = (Closed(0.0, world.now + seconds, "deny"),)


def started(world: World) -> list[object]:
    return [act for act in acts(world, Start) if act.slot is G]


# ---- how long is asked


def test_finalise_may_be_approved_as_long_as_the_approvals_deadline_allows() -> None:
    world = waiting(Stage.FINALISE, progress_deadline=50.0, deadline=5000.0)
    later(world, 200)
    assert not happened(world, RollbackBegan)
    world.vote()
    assert world.ended() is Phase.SUCCEEDED


def test_before_finalise_too_nobody_answers_and_the_deadline_leads_back() -> None:
    world = waiting(Stage.FINALISE, progress_deadline=50.0, deadline=120.0)
    assert world.ended() is Phase.ROLLED_BACK
    assert happened(world, RollbackBegan)[0].condition == "ApprovalDeadline"


def test_time_in_a_closed_window_is_no_time_to_approve_in_and_a_vote_in_it_counts() -> None:
    world = waiting(Stage.SHIFT, deadline=120.0)
    closed_for(world, 400)
    world.waits("Frozen")
    world.vote()
    later(world, 100)
    assert happened(world, Approved)
    assert world.ended() is Phase.SUCCEEDED


def test_time_in_a_pause_is_no_time_to_approve_in_and_a_vote_in_it_counts() -> None:
    world = waiting(Stage.SHIFT, deadline=120.0)
    world.say(Verb.PAUSE, reason="lunch")
    world.vote()
    later(world, 200)
    assert happened(world, Approved)
    assert not happened(world, Admitted)
    world.say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED


def test_time_while_suspended_is_no_time_to_approve_in() -> None:
    world = waiting(Stage.SHIFT, deadline=120.0)
    world.say(Verb.SUSPEND, reason="lunch", leave_split=True)
    world.vote()
    later(world, 200)
    world.say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED


def test_a_no_counts_while_it_is_paused_or_frozen() -> None:
    for halt in (lambda w: w.say(Verb.PAUSE), lambda w: closed_for(w, 4000)):
        world = waiting(Stage.SHIFT)
        halt(world)
        later(world, 5)
        world.vote(approve=False, reason="not tonight")
        assert world.ended() is Phase.ABORTED


def test_who_answers_in_the_last_moment_has_answered() -> None:
    world = waiting(Stage.SHIFT, deadline=120.0)
    world.vote()
    world.now += 121.0
    assert world.ended() is Phase.SUCCEEDED


def test_a_gate_that_comes_and_goes_asks_nobody_again_and_again_and_ends_by_the_deadline() -> None:
    world = waiting(Stage.SHIFT, gates=(BEFORE, WEB), deadline=600.0, progress_deadline=10000.0)
    for _ in range(200):
        world.verdicts["v2"] = INCONCLUSIVE
        later(world, 2)
        world.verdicts.clear()
        later(world, 3)
    assert [event.condition for event in happened(world, RollbackBegan)] == ["ApprovalDeadline"]
    assert len(happened(world, ApprovalAsked)) < 10


def test_a_slot_that_is_read_at_every_other_look_only_is_asked_about_once_and_ends_by_the_deadline() -> None:
    world = waiting(Stage.PREFLIGHT, deadline=120.0)
    while not happened(world, RollbackBegan):
        world.unreadable ^= {G}
        world.tick()
    assert happened(world, RollbackBegan)[0].condition == "ApprovalDeadline"
    assert len(happened(world, ApprovalAsked)) == 1


def test_whoever_resumes_what_held_at_the_deadline_gives_the_whole_time_again() -> None:
    world = waiting(Stage.SHIFT, deadline=120.0, on_failure=OnFailure.HOLD)
    world.until(lambda w: bool(happened(w, HoldBegan)))
    world.say(Verb.RESUME)
    world.waits("WaitingApproval")
    later(world, 100)
    world.vote()
    assert world.ended() is Phase.SUCCEEDED


# ---- what is unknown


def test_an_idle_slot_that_is_not_read_for_a_moment_voids_nothing() -> None:
    world = half_agreed(Stage.PREFLIGHT)
    world.unreadable = {G}
    world.waits("WaitingApproval")
    world.unreadable = set()
    world.vote("bob")
    assert world.ended() is Phase.SUCCEEDED
    assert not happened(world, ApprovalVoided)


def test_a_newcomers_worker_that_is_not_read_for_a_moment_voids_nothing() -> None:
    world = half_agreed(Stage.SHIFT)
    world.put(G, MemberStatus.UNKNOWN, None, "worker")
    later(world, 2)
    world.put(G, MemberStatus.STOPPED, None, "worker")
    world.waits("WaitingApproval")
    assert not happened(world, ApprovalVoided)


def test_what_could_not_be_read_for_a_moment_and_is_another_version_then_voids() -> None:
    world = half_agreed(Stage.SHIFT)
    world.put(B, MemberStatus.UNKNOWN, None, "worker")
    later(world, 2)
    world.put(B, MemberStatus.READY, "v0", "worker")
    world.until(lambda w: bool(happened(w, ApprovalVoided)))


# ---- until the first step everything that was agreed to has to stay true


def test_an_approval_that_was_not_used_while_frozen_expires() -> None:
    world = asked(Stage.PREFLIGHT, expires=60.0)
    closed_for(world, 500)
    world.waits("WaitingApproval")
    world.vote()
    world.waits("Frozen")
    assert "the vote of ann has expired" in world.waits("WaitingApproval").message
    later(world, 520)
    assert not started(world)


def test_what_was_approved_beforehand_is_asked_again_when_another_version_runs_before_it_begins() -> None:
    world = asked(Stage.PREFLIGHT)
    closed_for(world, 500)
    world.waits("WaitingApproval")
    world.vote()
    world.waits("Frozen")
    world.put(B, MemberStatus.READY, "v0", "worker")
    world.closed = ()
    world.until(lambda w: len(happened(w, ApprovalAsked)) == 2)
    assert not started(world)


def test_a_gate_that_leaves_successful_between_the_approval_and_the_first_step_voids_it() -> None:
    world = waiting(Stage.SHIFT, gates=(BEFORE, WEB))
    world.vote()
    world.until(lambda w: bool(happened(w, Admitted)))
    world.verdicts["v2"] = INCONCLUSIVE
    later(world, 20)
    world.verdicts.clear()
    world.waits("WaitingApproval")
    assert world.weights == share(G, 0)


def test_a_no_between_the_approval_and_the_first_step_is_in_time() -> None:
    world = waiting(Stage.SHIFT)
    world.vote("ann")
    world.until(lambda w: bool(happened(w, Admitted)))
    world.vote("bob", approve=False)
    assert world.ended() is Phase.ABORTED
    assert world.weights == share(G, 0)


def test_an_approver_who_is_none_any_more_between_the_approval_and_the_first_step_voids_it() -> None:
    world = waiting(Stage.SHIFT, approvers=("ann",))
    world.vote("ann")
    world.until(lambda w: bool(happened(w, Admitted)))
    world.votes[0] = replace(world.votes[0], verified=False)
    world.until(lambda w: bool(happened(w, ApprovalVoided)))
    assert world.weights == share(G, 0)


def test_votes_that_cannot_be_read_between_the_approval_and_the_first_step_stop_it_and_void_nothing() -> None:
    world = waiting(Stage.SHIFT)
    world.vote()
    world.until(lambda w: bool(happened(w, Admitted)))
    votes, world.votes, world.votes_unread = world.votes, [], "the repository is gone"
    later(world, 20)
    assert world.weights == share(G, 0)
    world.votes, world.votes_unread = votes, ""
    assert world.ended() is Phase.SUCCEEDED
    assert not happened(world, ApprovalVoided)


def test_once_the_stage_has_begun_a_vote_that_is_gone_changes_nothing() -> None:
    world = waiting(Stage.SHIFT)
    world.vote()
    world.until(lambda w: bool(w.state.transition and w.state.transition.rung))
    world.votes.clear()
    assert world.ended() is Phase.SUCCEEDED


def test_the_data_of_what_was_staged_are_migrated_on_one_approval() -> None:
    """What runs of it is stopped first: that is a step of what was approved, and not something that was found."""
    world = waiting(Stage.PREFLIGHT, Stage.MIGRATE, migration=BOTH_WORK)
    world.put(G, MemberStatus.READY, "v2", "api")
    for _ in range(3):
        world.until(lambda w: w.state.transition is None or w.state.transition.asking)
        if world.state.transition:
            world.vote()
            world.until(lambda w: w.state.transition is None or not w.state.transition.asking)
    assert world.ended() is Phase.SUCCEEDED
    assert [event.stage for event in happened(world, Admitted)] == [Stage.PREFLIGHT, Stage.MIGRATE]


def test_weights_that_somebody_else_lowered_after_the_approval_are_approved_anew() -> None:
    world = waiting(Stage.HAND_OVER)
    world.vote()
    world.until(lambda w: bool(happened(w, Admitted)))
    world.set_gateway(weights=share(G, 10))
    world.until(lambda w: len(happened(w, ApprovalAsked)) == 2)
    assert world.weights == share(G, 100)


# ---- whose word counts


def test_a_key_that_was_taken_away_counts_no_more() -> None:
    world = half_agreed(Stage.SHIFT, approvers=("ann", "bob"))
    world.votes[0] = replace(world.votes[0], verified=False)
    world.vote("bob")
    said = world.waits("WaitingApproval").message
    assert "bob agreed, 1 missing" in said
    assert "the vote of ann is not signed" in said


def test_an_approval_that_grew_old_while_nobody_watched_does_not_count() -> None:
    world = half_agreed(Stage.SHIFT, expires=DAY)
    world.votes[0] = replace(world.votes[0], age=3 * DAY)
    world.vote("bob")
    assert "the vote of ann has expired" in world.waits("WaitingApproval").message
    later(world, 5)
    assert not happened(world, Admitted)


def test_a_vote_that_is_not_found_any_more_counts_no_more() -> None:
    world = half_agreed(Stage.SHIFT)
    world.votes.clear()
    world.vote("bob")
    assert "bob agreed, 1 missing" in world.waits("WaitingApproval").message


def test_who_votes_again_after_his_vote_has_expired_counts_again() -> None:
    world = half_agreed(Stage.SHIFT, expires=60.0)
    later(world, 61)
    world.vote("ann")
    world.until(lambda w: len(happened(w, Approved)) == 2)
    world.vote("bob")
    assert world.ended() is Phase.SUCCEEDED


def test_however_often_one_person_votes_it_is_on_record_once() -> None:
    world = half_agreed(Stage.SHIFT, approvers=("ann", "bob"))
    for _ in range(150):
        world.vote("ann")
    later(world, 20)
    assert len(happened(world, Approved)) == 1


def test_more_votes_than_are_asked_for_fill_no_journal() -> None:
    world = asked(Stage.PREFLIGHT)
    closed_for(world, 500)
    world.waits("WaitingApproval")
    for number in range(300):
        world.vote(f"nobody-{number}", verified=False)
    world.waits("Frozen")
    later(world, 20)
    assert len(happened(world, Approved)) == 1


def test_two_journals_do_not_take_each_others_approvals() -> None:
    plans = []
    for name in ("ours", "theirs"):
        world = asked(Stage.SHIFT)
        world.fold(Created(name))
        world.set_gateway(stamp=None)
        world.waits("WaitingApproval")
        plans.append(happened(world, ApprovalAsked)[-1].plan)
    assert plans[0] != plans[1]


# ---- nothing of a target before it is approved


def test_nothing_of_a_target_starts_without_an_approval_also_while_stable_is_not_well() -> None:
    world = asked(Stage.PREFLIGHT)
    world.put(B, MemberStatus.UNREADY, "v1", "api")
    world.slow.add("v1")
    later(world, 30)
    assert not started(world)


def test_the_pin_of_an_idle_slot_is_brought_up_without_an_approval() -> None:
    """It has no users and no transition; that it shall have some is what is approved."""
    world = asked(Stage.PREFLIGHT)
    world.commit(spec(B, green="v2", approvals=Approvals((Stage.PREFLIGHT,))))
    world.settled()
    assert started(world)
