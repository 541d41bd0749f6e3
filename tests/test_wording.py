"""What is decided and done is told in whole, short sentences."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.events import Admitted, ApprovalAsked, ApprovalVoided, Approved, Intended, Requested, Verb
from reconciler.core.model import Stage
from reconciler.core.steps import Note, PutBack
from reconciler.wording import describe

PLAN, A, B = "0123456789abcdef", "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (ApprovalAsked(Stage.SHIFT, PLAN, "a long review"), "approval asked: before shift, of plan 0123456789ab"),
        (Approved(Stage.SHIFT, PLAN, "anna", "v"), "approved: shift, plan 0123456789ab, by anna"),
        (
            Approved(Stage.SHIFT, PLAN, "anna", "v", verified=True, reason="seen"),
            "approved: shift, plan 0123456789ab, by anna, signature verified: seen",
        ),
        (ApprovalVoided(Stage.SHIFT, PLAN, "expired"), "approval void: shift, plan 0123456789ab: expired"),
        (
            Admitted(Stage.HAND_OVER, PLAN, ("anna", "ben")),
            "handOver may begin: plan 0123456789ab is approved by anna, ben",
        ),
        (Requested(Verb.RESUME, reason="urgent fix"), "asked: resume: urgent fix"),
        (
            Requested(Verb.RESUME, reason="urgent fix", override=True),
            "asked: resume, although a window is closed: urgent fix",
        ),
        (
            Intended(PutBack("t", A, B, "subject", "reason"), "put-back"),
            "intent (put-back): put the file back in git: from aaaaaaaaaaaa to what it was at bbbbbbbbbbbb",
        ),
        (Note("t", A, "rolled back\nand why"), "note in git, at aaaaaaaaaaaa: rolled back"),
    ],
)
def test_approvals_overrides_and_what_git_is_told_have_words_of_their_own(what: Any, said: str) -> None:
    assert describe(what) == said
