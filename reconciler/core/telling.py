"""The rule of what git is told: the file of a version that failed is put back, and every end is noted at its revision.

At rest only, and it stops nothing: where git cannot be written just now, everything else goes on.
"""

from __future__ import annotations

from reconciler.core.model import GitAfter
from reconciler.core.reading import GitReading
from reconciler.core.situation import Answer, Do, Situation
from reconciler.core.state import Duty
from reconciler.core.steps import Note, PutBack

UNUSABLE = ("RevisionUnverified", "BranchRewritten")  # a commit of ours on such a head would bring it into force


def tell_git(s: Situation) -> Answer | None:
    """Put the file back where git still asks for what failed and nobody is disturbed; then say what became of it, and
    of every end before that git has not heard of yet. What does not succeed keeps nothing else from being told."""
    if s.transition:
        return None
    last = (s.state.duty,) if s.state.duty else ()
    steps = (step for duty in (*s.state.owed, *last) for step in (_put_back(s, duty), _note(s, duty)))
    return next((step for step in steps if step and not s.too_soon(step.act)), None)


def _put_back(s: Situation, duty: Duty) -> Do | None:
    found = _reading(s, duty)
    if not _wanted(s, duty) or found is None or not found.asks or _in_the_way(s, found):
        return None
    subject = f"{s.spec.environment}: {s.state.stable} again"
    act = PutBack(duty.transition, duty.revision, duty.good, subject, duty.reason, duty.branch)
    return Do(act, "git still asks for what failed")


def _wanted(s: Situation, duty: Duty) -> bool:
    """Is the file to be put back, and is that not done?"""
    return bool(duty.revision and duty.good) and not duty.commit and s.spec.git_after is GitAfter.REVERT


def _reading(s: Situation, duty: Duty) -> GitReading | None:
    found = s.observed.git
    return found if found and found.transition == duty.transition else None


def _in_the_way(s: Situation, found: GitReading) -> str:
    head = s.refused.message if s.refused and s.refused.reason in UNUSABLE else ""
    return head or found.obstacle


def _note(s: Situation, duty: Duty) -> Do | None:
    """How git stands is part of it. When that can change no more, it is the last word on this transition."""
    found = _reading(s, duty)
    if duty.over or not duty.revision:
        return None
    if _wanted(s, duty) and (found is None or found.asks is None or (found.asks and not _kept(s, duty))):
        return None
    over = not _wanted(s, duty) or (found is not None and not found.asks)
    text = noted(s, duty)
    why = "write into git what became of it"
    return Do(Note(duty.transition, duty.revision, text, over), why) if text != duty.noted else None


def noted(s: Situation, duty: Duty) -> str:
    """What became of a revision, in a few lines."""
    if _kept(s, duty):
        return f"{duty.text}\nput back: not yet (RevertPending)"
    found = _reading(s, duty)  # it knows of a commit of ours whose maker did not live to put it on record
    return duty.said(found.commit if found else "")


def pending(s: Situation) -> str:
    """Why git still asks for what failed although it should not; empty when it does not."""
    return _kept(s, s.state.duty) if s.state.duty else ""


def unnoted(s: Situation) -> str:
    """Why git could not be told what became of a revision; empty when it has been, or is about to be."""
    due = {duty.transition for duty in (*s.state.owed, *((s.state.duty,) if s.state.duty else ()))}
    tries = (one for one in s.state.untold if isinstance(one.act, Note) and one.act.transition in due)
    return next((one.reason for one in tries if one.reason), "")


def _kept(s: Situation, duty: Duty) -> str:
    found = _reading(s, duty)
    if found is None or not found.asks or not _wanted(s, duty):
        return ""
    tries = (one for one in s.state.untold if isinstance(one.act, PutBack) and one.act.transition == duty.transition)
    return _in_the_way(s, found) or next((one.reason for one in tries), "")
