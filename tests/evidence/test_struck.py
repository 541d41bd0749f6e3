"""What was replaced is told with what replaced it; what happened is never replaced."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.events import (
    Accepted,
    Admitted,
    Adopted,
    ApprovalAsked,
    ApprovalVoided,
    Approved,
    Began,
    Ended,
    Event,
    HoldBegan,
    Judged,
    PausedByRule,
    Phase,
    Rebound,
    Requested,
    RequestRefused,
    StagePassed,
    Verb,
)
from reconciler.core.model import Outcome, Pair, Release, SetWeight, Slot, Stage
from reconciler.evidence.struck import struck
from reconciler.journal.entry import Entry

BLUE, GREEN = Release(Slot.BLUE, "1"), Release(Slot.GREEN, "2")
SHIFT, FINALISE = Stage.SHIFT, Stage.FINALISE


def entry(seq: int, event: Event, environment: str = "prod") -> Entry:
    return Entry(seq, environment, 1, "a", f"2026-11-25T00:00:{seq:02}.000+00:00", 0.0, 1, event, "", "")


def found(*events: Event) -> Mapping[int, int]:
    """Of entries that are numbered from 1."""
    return struck(entry(seq, event) for seq, event in enumerate(events, 1))


def accepted(digest: str) -> Accepted:
    return Accepted(digest, "r" * 40, Pair("1", "2"))


def began(digest: str = "d1") -> Began:
    return Began("t", BLUE, GREEN, digest, "r" * 40, (SetWeight(10), SetWeight(100)))


def rebound(digest: str = "d2") -> Rebound:
    return Rebound(digest, "s" * 40, (SetWeight(100),), 0)


def test_desired_state_is_replaced_by_the_next_that_is_another() -> None:
    assert found(accepted("d1"), accepted("d1"), accepted("d2"), accepted("d3")) == {2: 3, 3: 4}


def test_a_superseded_transition_is_replaced_by_the_desired_state_that_superseded_it() -> None:
    assert found(accepted("d1"), began(), accepted("d2"), Ended(Phase.SUPERSEDED)) == {1: 3, 2: 3}


def test_without_one_it_is_replaced_by_its_end() -> None:
    assert found(began(), Ended(Phase.SUPERSEDED)) == {1: 2}


def test_desired_state_that_came_before_a_transition_or_that_it_was_bound_to_did_not_supersede_it() -> None:
    assert found(accepted("d1"), began(), accepted("d2"), rebound(), Ended(Phase.SUPERSEDED)) == {1: 3, 2: 5}
    assert found(began("d1"), accepted("d2"), accepted("d1"), Ended(Phase.SUPERSEDED)) == {2: 3, 1: 4}


def test_a_transition_that_ended_in_any_other_way_is_what_happened() -> None:
    for phase in (Phase.SUCCEEDED, Phase.ROLLED_BACK, Phase.ABORTED):
        assert found(began(), accepted("d2"), Ended(phase)) == {}


def test_the_steps_of_a_transition_are_replaced_by_a_change_of_policy_and_so_on() -> None:
    assert found(began(), rebound("d2"), rebound("d3")) == {1: 2, 2: 3}


def test_an_approval_that_was_voided_is_replaced_with_its_question() -> None:
    asked, given = ApprovalAsked(SHIFT, "p1"), Approved(SHIFT, "p1", "anna", "v1")
    assert found(began(), asked, given, ApprovalVoided(SHIFT, "p1", "the plan changed")) == {2: 4, 3: 4}


def test_a_question_is_replaced_when_it_is_asked_again_and_another_stages_is_not() -> None:
    asked, again, other = ApprovalAsked(SHIFT, "p1"), ApprovalAsked(SHIFT, "p2"), ApprovalAsked(FINALISE, "p3")
    assert found(began(), asked, Admitted(FINALISE, "p0", ("anna",)), again, other) == {2: 4}


def test_whatever_voids_an_approval_replaces_it() -> None:
    asked, given = ApprovalAsked(SHIFT, "p1"), Approved(SHIFT, "p1", "anna", "v1")
    assert found(began(), asked, given, rebound()) == {1: 4, 2: 4, 3: 4}
    for something in (HoldBegan("AnalysisFailed"), PausedByRule("no data")):
        assert found(began(), asked, given, something) == {2: 4, 3: 4}


def test_what_is_found_later_is_no_news_about_the_beginning() -> None:
    asked, over = ApprovalAsked(Stage.PREFLIGHT, "p1"), StagePassed(Stage.PREFLIGHT)
    assert found(began(), asked, over, HoldBegan("AnalysisFailed")) == {}
    assert found(began(), asked, over, rebound()) == {1: 4, 2: 4}


def test_the_next_transitions_question_replaces_none_of_the_last_ones() -> None:
    asked = ApprovalAsked(SHIFT, "p1")
    assert found(began(), asked, Ended(Phase.SUCCEEDED), began("d2"), asked) == {}


def test_what_lasts_is_replaced_by_the_same_again_or_by_resume() -> None:
    pause, suspend, resume = (Requested(verb) for verb in (Verb.PAUSE, Verb.SUSPEND, Verb.RESUME))
    assert found(pause, pause, suspend, resume, resume) == {1: 2, 2: 4, 3: 4}


def test_what_is_done_at_once_replaces_nothing() -> None:
    promote, abort = Requested(Verb.PROMOTE), Requested(Verb.ABORT)
    assert found(promote, promote, abort, abort, Requested(Verb.RESUME)) == {}


def test_an_adoption_is_replaced_by_another_until_it_is_done_or_refused() -> None:
    adopt = Requested(Verb.ADOPT, Slot.BLUE)
    assert found(adopt, adopt) == {1: 2}
    assert found(adopt, Adopted(BLUE), adopt) == {}
    assert found(adopt, RequestRefused(Verb.ADOPT, "no"), adopt) == {}


def test_facts_are_never_replaced() -> None:
    assert found(began(), Judged(Outcome.SUCCESSFUL), Judged(Outcome.FAILED)) == {}


def test_environments_replace_nothing_of_each_other() -> None:
    events = [entry(1, accepted("d1"), "a"), entry(2, accepted("d2"), "b"), entry(3, accepted("d3"), "a")]
    assert struck(events) == {1: 3}
