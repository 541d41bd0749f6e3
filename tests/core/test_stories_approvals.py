"""Approvals: a stage begins when those who are asked have agreed to exactly that. Each name is a promise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_story import FAILED, INCONCLUSIVE, acts, asked, happened, shares
from core_world import LADDER, WEB, B, G, World, at, spec

from reconciler.core.conditions import status
from reconciler.core.events import (
    Admitted,
    ApprovalAsked,
    ApprovalVoided,
    Approved,
    HoldBegan,
    Phase,
    RollbackBegan,
    Verb,
)
from reconciler.core.model import Approvals, Migration, OnFailure, Outcome, SetWeight, Stage
from reconciler.core.plan import decide
from reconciler.core.preview import preview
from reconciler.core.reading import MemberStatus, Vote
from reconciler.core.state import Question
from reconciler.core.steps import Migrate, Start
from reconciler.core.voting import objection, uncounted, whom

EVERY = (Stage.MIGRATE, Stage.PREFLIGHT, Stage.SHIFT, Stage.HAND_OVER, Stage.FINALISE)
BEFORE = WEB.__class__("ready", "http", Stage.PREFLIGHT, WEB.mode)


def approved(world: World, times: int = 10) -> Phase:
    """Ann approves whatever is asked, until the transition has ended."""
    for _ in range(times):
        world.until(lambda w: ((t := w.state.transition) is None and bool(w.state.last)) or bool(t and t.asked))
        if world.state.transition is None:
            break
        world.vote()
        world.until(lambda w: w.state.transition is None or w.state.transition.asked is None)
    assert world.state.last
    return world.state.last.phase


def test_nothing_of_a_newcomer_is_touched_before_its_preflight_is_approved() -> None:
    world = asked(Stage.PREFLIGHT)
    wait = world.waits("WaitingApproval")
    assert wait.blocked
    assert wait.alert
    assert not [act for act in acts(world, Start) if act.slot is G]
    world.vote()
    assert world.ended() is Phase.SUCCEEDED


def test_every_stage_waits_for_its_own_approval() -> None:
    world = asked(*EVERY, migration=Migration("migrate", "check", old_version_works=True))
    assert approved(world) is Phase.SUCCEEDED
    order = [Stage.PREFLIGHT, Stage.MIGRATE, Stage.SHIFT, Stage.HAND_OVER, Stage.FINALISE]
    assert [event.stage for event in happened(world, Admitted)] == order


def test_an_approval_of_the_migration_is_asked_before_the_command_runs() -> None:
    world = asked(Stage.MIGRATE, migration=Migration("migrate", "check", old_version_works=True))
    world.waits("WaitingApproval")
    assert not acts(world, Migrate)
    world.vote()
    assert world.ended() is Phase.SUCCEEDED


def test_the_question_on_record_holds_the_values_that_the_plan_leaves_out() -> None:
    worlds = [asked(Stage.SHIFT, gates=(BEFORE, WEB)) for _ in range(2)]
    for world, value in zip(worlds, ("200 in 4 ms", "200 in 5 ms"), strict=True):
        world.telling = {"value": value, "limit": "status 200", "samples": 3}
        world.waits("WaitingApproval")
    first, second = (happened(world, ApprovalAsked)[0] for world in worlds)
    assert first.review == "ready Successful: 200 in 4 ms (limit status 200), 3 samples"
    assert first.plan == second.plan


def test_the_ladder_is_climbed_on_one_approval() -> None:
    world = asked(Stage.SHIFT)
    world.waits("WaitingApproval")
    assert shares(world) == [0]
    world.vote()
    assert world.ended() is Phase.SUCCEEDED
    assert len(happened(world, ApprovalAsked)) == 1


def test_whoever_waits_says_for_whom_for_what_and_how_to_review_it() -> None:
    world = asked(Stage.SHIFT, approvers=("ann@example.com", "bob@example.com"))
    said = world.waits("WaitingApproval").message
    for word in ("shift", "green@v2", "ann@example.com or bob@example.com", "reconcile approve demo --stage shift"):
        assert word in said


def test_an_approval_for_yesterdays_plan_does_not_count() -> None:
    world = asked(Stage.SHIFT)
    world.waits("WaitingApproval")
    world.vote(plan="0" * 64)
    assert "another plan" in world.waits("WaitingApproval").message
    assert world.weights
    assert world.weights[G] == 0


def test_an_approval_is_void_when_the_policy_changes() -> None:
    world = asked(Stage.SHIFT, minimum=2)
    world.waits("WaitingApproval")
    world.vote("ann")
    world.until(lambda w: bool(happened(w, Approved)))
    world.commit(spec(G, green="v2", approvals=Approvals((Stage.SHIFT,), minimum=2), soak=30.0))
    world.waits("WaitingApproval")
    world.vote("bob")
    assert "1 missing" in world.waits("WaitingApproval").message
    world.vote("ann")
    assert world.ended() is Phase.SUCCEEDED


def test_a_policy_change_in_the_middle_of_the_ladder_asks_again() -> None:
    world = asked(Stage.SHIFT)
    world.waits("WaitingApproval")
    world.vote()
    world.until(at(10))
    world.commit(spec(G, green="v2", approvals=Approvals((Stage.SHIFT,)), soak=30.0))
    world.waits("WaitingApproval")
    assert world.weights
    assert world.weights[G] == 10


def test_a_gate_that_leaves_successful_voids_what_was_agreed() -> None:
    world = asked(Stage.SHIFT, minimum=2, gates=(BEFORE, WEB))
    world.waits("WaitingApproval")
    world.vote("ann")
    world.until(lambda w: bool(happened(w, Approved)))
    world.verdicts["v2"] = INCONCLUSIVE
    world.waits("GateInconclusive")
    world.verdicts.clear()
    world.waits("WaitingApproval")
    world.vote("bob")
    assert "1 missing" in world.waits("WaitingApproval").message
    assert "ready" in happened(world, ApprovalVoided)[0].reason


def test_a_gate_that_has_not_answered_again_voids_nothing_and_lets_nothing_pass() -> None:
    """After a restart of ours every gate is Pending until it has been asked."""
    world = asked(Stage.SHIFT, gates=(BEFORE, WEB))
    world.waits("WaitingApproval")
    world.verdicts["v2"] = Outcome.PENDING
    world.vote()
    assert "gates are read again" in world.waits("GatePending").message
    assert not happened(world, ApprovalVoided)
    world.verdicts.clear()
    assert world.ended() is Phase.SUCCEEDED


def test_another_running_version_voids_what_was_asked() -> None:
    world = asked(Stage.SHIFT)
    world.waits("WaitingApproval")
    world.put(B, MemberStatus.READY, "v0", "worker")
    world.until(lambda w: bool(happened(w, ApprovalVoided)))
    world.waits("WaitingApproval")
    first, second = happened(world, ApprovalAsked)
    assert first.plan != second.plan


def test_a_newcomer_that_had_to_be_started_again_is_still_what_was_asked_about() -> None:
    world = asked(Stage.SHIFT)
    world.waits("WaitingApproval")
    world.put(G, MemberStatus.STOPPED, None, "api")
    world.until(lambda w: w.observed.members[G][0].status is MemberStatus.READY)
    world.waits("WaitingApproval")
    assert not happened(world, ApprovalVoided)


def test_two_of_three_have_to_agree_and_nobody_counts_twice() -> None:
    world = asked(Stage.SHIFT, approvers=("ann", "bob", "cid"), minimum=2)
    world.waits("WaitingApproval")
    world.vote("ann")
    world.vote("ann")
    assert "1 missing" in world.waits("WaitingApproval").message
    world.vote("eve")
    assert "not by one of the approvers" in world.waits("WaitingApproval").message
    world.vote("cid")
    assert world.ended() is Phase.SUCCEEDED
    assert happened(world, Admitted)[0].by == ("ann", "cid")


def test_an_approver_who_made_the_change_does_not_count() -> None:
    world = asked(Stage.SHIFT, self_approval=False)
    world.waits("WaitingApproval")
    world.vote("ann", author=True)
    assert "by the author" in world.waits("WaitingApproval").message
    world.vote("bob", author=None)
    assert "may be by the author" in world.waits("WaitingApproval").message
    world.vote("cid")
    assert world.ended() is Phase.SUCCEEDED


def test_a_forged_approval_does_not_count() -> None:
    world = asked(Stage.SHIFT, approvers=("ann",))
    world.waits("WaitingApproval")
    world.vote("ann", verified=False)
    assert "not signed by a key" in world.waits("WaitingApproval").message


def test_an_approval_that_was_not_used_in_time_does_not_count() -> None:
    world = asked(Stage.SHIFT, minimum=2, expires=60.0)
    world.waits("WaitingApproval")
    world.vote("ann", age=50.0)
    world.until(lambda w: bool(happened(w, Approved)))
    until = world.now + 20
    world.until(lambda w: w.now > until)
    world.vote("bob")
    assert "1 missing" in world.waits("WaitingApproval").message


def test_a_rejection_goes_back_and_is_held_until_somebody_retries() -> None:
    world = asked(Stage.HAND_OVER)
    world.waits("WaitingApproval")
    world.vote("bob", approve=False, reason="not tonight")
    assert world.ended() is Phase.ABORTED
    assert happened(world, RollbackBegan)[0].reason == "handOver was rejected by bob: not tonight"
    assert world.state.is_held("v2")


def test_when_two_people_approve_and_reject_at_once_it_is_rejected() -> None:
    world = asked(Stage.SHIFT)
    world.waits("WaitingApproval")
    world.vote("ann")
    world.vote("bob", approve=False)
    assert world.ended() is Phase.ABORTED
    assert not happened(world, Admitted)


def test_nobody_answers_and_the_deadline_leads_back() -> None:
    world = asked(Stage.HAND_OVER, deadline=120.0)
    assert world.ended() is Phase.ROLLED_BACK
    assert happened(world, RollbackBegan)[0].condition == "ApprovalDeadline"


def test_waiting_for_approval_is_not_counted_as_progress() -> None:
    world = asked(Stage.SHIFT, progress_deadline=50.0)
    world.waits("WaitingApproval")
    until = world.now + 200
    world.until(lambda w: w.now > until)
    world.vote()
    assert world.ended() is Phase.SUCCEEDED


def test_a_newcomer_that_gets_bad_while_somebody_is_asked_goes_back() -> None:
    world = asked(Stage.HAND_OVER)
    world.waits("WaitingApproval")
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK


@pytest.mark.parametrize("rung", [0, 50], ids=["before the first users", "in the middle"])
def test_with_on_failure_hold_a_failed_gate_asks_again_with_what_was_found(rung: int) -> None:
    world = asked(Stage.SHIFT, on_failure=OnFailure.HOLD, gates=(BEFORE, WEB))
    world.waits("WaitingApproval")
    if rung:
        world.vote()
        world.until(at(rung))
    world.verdicts["v2"] = FAILED
    assert "Failed" in world.waits("Holding").message
    assert "ready" in happened(world, HoldBegan)[0].reason
    world.verdicts.clear()
    world.say(Verb.RESUME)
    world.waits("WaitingApproval")
    assert world.weights
    assert world.weights[G] == rung
    world.vote()
    assert world.ended() is Phase.SUCCEEDED


def test_while_somebody_is_asked_about_the_hand_over_the_old_owner_is_kept_up() -> None:
    world = asked(Stage.HAND_OVER)
    world.waits("WaitingApproval")
    world.put(B, MemberStatus.STOPPED, None, "worker")
    world.until(lambda w: w.observed.members[B][1].status is MemberStatus.READY)
    assert world.state.transition
    assert world.state.transition.asked


def test_votes_that_cannot_be_read_let_nothing_pass_and_are_told() -> None:
    world = asked(Stage.SHIFT)
    world.waits("WaitingApproval")
    world.votes_unread = "the repository is gone"
    assert "votes cannot be read: the repository is gone" in world.waits("WaitingApproval").message


def test_an_approval_that_is_not_wanted_any_more_is_not_waited_for() -> None:
    world = asked(Stage.SHIFT)
    world.waits("WaitingApproval")
    world.commit(spec(G, green="v2"))
    assert world.ended() is Phase.SUCCEEDED


def test_a_crash_at_any_moment_forgets_no_approval() -> None:
    world = asked(Stage.SHIFT, minimum=2)
    world.waits("WaitingApproval")
    world.vote("ann")
    world.until(lambda w: bool(happened(w, Approved)))
    world.crash = "after"
    world.vote("bob")
    assert world.ended() is Phase.SUCCEEDED
    assert [event.by for event in happened(world, Approved)] == ["ann", "bob"]


def test_status_says_that_it_waits_and_exits_with_three() -> None:
    world = asked(Stage.SHIFT)
    world.waits("WaitingApproval")
    seen = world.look()
    found = status(world.desired, seen, world.state, decide(world.desired, seen, world.state, world.now))
    assert (found.phase, found.reason, found.exit_code) == ("WaitingApproval", "WaitingApproval", 3)


def test_the_preview_shows_where_somebody_is_asked_and_goes_on_as_if_he_had_agreed() -> None:
    world = asked(Stage.PREFLIGHT, Stage.SHIFT)
    road = preview(world.desired, world.look(), world.state, world.now)
    asks = [planned.what.stage for planned in road.steps if isinstance(planned.what, Admitted)]
    assert asks == [Stage.PREFLIGHT, Stage.SHIFT]
    assert road.ended
    assert road.ended.phase is Phase.SUCCEEDED


def test_an_approval_of_one_transition_is_no_approval_of_the_next() -> None:
    """The plan's digest holds the transition: what was approved once and failed is asked about again."""
    world = asked(Stage.SHIFT)
    world.waits("WaitingApproval")
    world.vote()
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    world.verdicts.clear()
    world.waits("RevisionHeld")
    world.say(Verb.RETRY)
    assert "another plan" in world.waits("WaitingApproval").message
    assert len({event.plan for event in happened(world, ApprovalAsked)}) == 2


def test_the_digest_knows_limits_steps_and_versions_but_no_time() -> None:
    first, later = asked(Stage.SHIFT), asked(Stage.SHIFT)
    later.now = 5000.0
    first.waits("WaitingApproval")
    later.waits("WaitingApproval")
    assert happened(first, ApprovalAsked)[0].plan == happened(later, ApprovalAsked)[0].plan
    other = asked(Stage.SHIFT, steps=(SetWeight(20), *LADDER[1:]))
    other.waits("WaitingApproval")
    assert happened(other, ApprovalAsked)[0].plan != happened(first, ApprovalAsked)[0].plan


VOTE = Vote("1", Stage.SHIFT, "plan", True, "ann", verified=True, author=False)
STRICT = Approvals((Stage.SHIFT,), approvers=("ann",), self_approval=False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"plan": "other"}, "another plan"),
        ({"stage": Stage.HAND_OVER}, "another plan"),
        ({"age": -301.0}, "a clock is wrong"),
        ({"age": -299.0}, ""),
        ({"age": 86400.0}, "has expired"),
        ({"verified": False}, "not signed"),
        ({"by": "eve"}, "not by one of the approvers"),
        ({"author": True}, "is by the author"),
        ({"author": None}, "may be by the author"),
        ({"author": True, "approve": False}, ""),
    ],
)
def test_what_makes_a_vote_count(changes: dict[str, object], said: str) -> None:
    vote = replace(VOTE, **changes)  # type: ignore[arg-type]
    found = objection(vote, Question(Stage.SHIFT, "plan", 0.0), STRICT)
    assert said in found if said else not found


def test_what_was_voted_on_another_stage_or_long_before_is_not_held_against_anybody_and_nothing_is_said_twice() -> None:
    world = asked(Stage.SHIFT)
    world.waits("WaitingApproval")
    t = world.state.transition
    assert t
    assert t.asked
    sound = replace(VOTE, id="0", plan=t.asked.plan, by="bob")
    stale = [replace(VOTE, id=str(number), plan=f"plan {number}") for number in range(3)]
    other = replace(VOTE, id="8", stage=Stage.PREFLIGHT, by="carl")
    before = replace(VOTE, id="9", plan="of the last transition", by="dora", age=86000.0)
    told = uncounted((before, sound, *stale, other), t, Approvals((Stage.SHIFT,)), world.now)
    assert told == ["the vote of ann is about another plan than the one that is asked about now"]


def test_several_votes_that_do_not_count_for_the_same_reason_are_one_short_sentence() -> None:
    """Everybody who let the stage begin before it was asked about anew would else stand there with a sentence each."""
    world = asked(Stage.SHIFT)
    world.waits("WaitingApproval")
    t = world.state.transition
    old = [replace(VOTE, id=by, plan="before", by=by) for by in ("ann", "bob", "carl", "dora", "ann")]
    said = "is about another plan than the one that is asked about now"
    assert t
    assert uncounted(tuple(old[:2]), t, Approvals((Stage.SHIFT,)), world.now) == [f"the vote of ann and of bob {said}"]
    many = uncounted(tuple(old), t, Approvals((Stage.SHIFT,)), world.now)
    assert many == [f"the vote of 1 more and of bob and of carl and of dora {said}"]


def test_who_may_approve_is_said_as_it_is() -> None:
    assert whom(Approvals((Stage.SHIFT,))) == "anybody who may write to the repository"
    assert whom(Approvals((Stage.SHIFT,), ("ann", "bob"))) == "ann or bob"
    assert whom(Approvals((Stage.SHIFT,), ("ann", "bob"), minimum=2)) == "ann and bob"
    assert whom(Approvals((Stage.SHIFT,), ("ann", "bob", "carl"), minimum=2)) == "ann or bob or carl (2 of them)"
    several = whom(Approvals((Stage.SHIFT,), minimum=2))
    assert several == "anybody whose key the operator's file knows (2 of them)"


@pytest.mark.parametrize("names", [("ann@x.example", "Ann@x.example"), ("Ann@X.example", "ann@x.EXAMPLE")])
def test_one_person_counts_once_however_his_address_is_written(names: tuple[str, str]) -> None:
    world = asked(Stage.SHIFT, minimum=2, approvers=("ANN@x.example", "bob@x.example"))
    world.waits("WaitingApproval")
    for name in names:
        world.vote(name)
    world.waits("WaitingApproval")
    assert not happened(world, Admitted)
    assert len(happened(world, Approved)) == 1
    world.vote("BOB@x.example")
    assert world.ended() is Phase.SUCCEEDED


def test_while_our_own_clock_is_wrong_no_vote_counts_and_when_it_is_right_again_the_same_ones_do() -> None:
    """Read by a clock that is a year behind, every vote lies in the future; by one a year ahead, it has expired."""
    world = asked(Stage.SHIFT)
    for wrong, said in ((-31e6, "lies in the future"), (31e6, "has expired")):
        world.waits("WaitingApproval")
        world.votes.clear()
        world.vote(age=wrong)
        told = world.waits("WaitingApproval").message
        assert said.replace("lies in", f"lies {-wrong:.0f} s in") in told if wrong < 0 else said in told
        assert not happened(world, Approved)
    world.votes[:] = [replace(vote, age=5.0) for vote in world.votes]
    assert world.ended() is Phase.SUCCEEDED


def test_a_clock_that_goes_wrong_after_the_vote_holds_the_stage_back_and_loses_no_vote() -> None:
    """Somebody has agreed, another is missing: what has been agreed to counts again when the clock is right again."""
    world = asked(Stage.SHIFT, minimum=2)
    world.waits("WaitingApproval")
    world.vote("ann")
    world.until(lambda w: len(happened(w, Approved)) == 1)
    world.votes[:] = [replace(vote, age=-31e6) for vote in world.votes]
    world.vote("bob", age=-31e6)
    for _ in range(5):
        world.waits("WaitingApproval")
    assert not happened(world, Admitted)
    world.votes[:] = [replace(vote, age=5.0) for vote in world.votes]
    assert world.ended() is Phase.SUCCEEDED
    assert not happened(world, ApprovalVoided)
