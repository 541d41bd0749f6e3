"""The rule of what git is told: the file of a version that failed is put back, and every end is noted at its revision.

At rest only, and it stops nothing: where git cannot be written just now, everything else goes on.
"""

from __future__ import annotations

from reconciler.core.model import GitAfter
from reconciler.core.situation import Answer, Do, Situation
from reconciler.core.state import Duty
from reconciler.core.steps import Note, PutBack


def tell_git(s: Situation) -> Answer | None:
    """Put the file back where git still asks for what failed and nobody is disturbed; then say what became of it."""
    duty = s.state.duty
    if duty is None or s.transition or not duty.revision:
        return None
    step = _put_back(s, duty) or _note(s, duty)
    return None if step is None or s.too_soon(step.act) else step


def _put_back(s: Situation, duty: Duty) -> Do | None:
    found = s.observed.git
    if not _wanted(s, duty) or found is None or not found.asks or found.obstacle:
        return None
    subject = f"{s.spec.environment}: {s.state.stable} again"
    return Do(
        PutBack(duty.transition, duty.revision, duty.good, subject, duty.reason), "git still asks for what failed"
    )


def _wanted(s: Situation, duty: Duty) -> bool:
    """Is the file to be put back, and is that not done?"""
    about = s.observed.git is None or s.observed.git.transition == duty.transition
    return bool(duty.good) and not duty.commit and about and s.spec.git_after is GitAfter.REVERT


def _note(s: Situation, duty: Duty) -> Do | None:
    if _wanted(s, duty) and (s.observed.git is None or s.observed.git.asks is None):
        return None  # how git stands is part of it
    text = noted(s, duty)
    return Do(Note(duty.transition, duty.revision, text), "say it in git") if text != duty.noted else None


def noted(s: Situation, duty: Duty) -> str:
    """What became of a revision, in a few lines."""
    if duty.commit:
        return f"{duty.text}\nput back: {duty.commit}"
    if pending(s):
        return f"{duty.text}\nput back: not yet (RevertPending)"
    return duty.text


def pending(s: Situation) -> str:
    """Why git still asks for what failed although it should not; empty when it does not."""
    duty, found = s.state.duty, s.observed.git
    if duty is None or found is None or not _wanted(s, duty) or not found.asks:
        return ""
    refusal = s.state.refusal.reason if s.state.refusal and isinstance(s.state.refusal.act, PutBack) else ""
    return found.obstacle or refusal
