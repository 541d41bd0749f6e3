"""A no that comes too late is told so at once, and not left for somebody to find out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.cli.approve import too_late
from reconciler.core.events import Phase
from reconciler.core.model import Release, Slot, Stage
from reconciler.core.state import Last, Question, State, Transition

BLUE, GREEN = Release(Slot.BLUE, "1"), Release(Slot.GREEN, "2")
ASKED = Question(Stage.SHIFT, "plan", 0.0)
T = Transition("t", BLUE, GREEN, "d", "r" * 40, (), 0.0, 0.0, asked=ASKED)


def told(t: Transition | None, last: Last | None = None) -> str | None:
    return too_late(State(transition=t, last=last), "demo", "t", ASKED)


def test_while_the_question_stands_nothing_is_known_yet() -> None:
    assert told(T) is None


@pytest.mark.parametrize("heard", [replace(T, phase=Phase.ROLLING_BACK, asked=None), replace(T, holding_since=1.0)])
def test_a_no_that_was_heard_needs_no_word(heard: Transition) -> None:
    assert told(heard) == ""


def test_a_no_that_turned_it_back_at_once_needs_none_either() -> None:
    assert told(None, Last("t", "r" * 40, GREEN, Phase.ABORTED, "rejected")) == ""


def test_a_stage_that_was_approved_meanwhile_says_how_to_go_back() -> None:
    assert told(replace(T, asked=None, admitted=frozenset({Stage.SHIFT}))) == (
        "it came too late: shift had been approved; to go back: reconcile abort demo -m WHY"
    )
    assert "reconcile rollback demo" in str(told(None, Last("t", "r" * 40, GREEN, Phase.SUCCEEDED, "")))


def test_another_question_is_another_no() -> None:
    for other in (None, replace(ASKED, plan="another"), Question(Stage.FINALISE, "plan", 1.0)):
        assert "has changed meanwhile" in str(told(replace(T, asked=other)))
