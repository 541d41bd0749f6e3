"""The configurations in which somebody is asked, a window closes, or git is told what became of it."""

from __future__ import annotations

from model_asking import VOTES, WINDOWS
from model_git import GIT, OVERRIDE
from model_scenarios import BAD, HOLD, PAIRED, bad_one, scenario
from model_world import SHORT, UNIT

from reconciler.core.model import Approvals, GitAfter, Stage

BEFORE = (Stage.PREFLIGHT, Stage.SHIFT, Stage.HAND_OVER, Stage.FINALISE)
LONG = 1e9  # seconds: nobody waits so long here
ONE = {"approvals": Approvals(BEFORE, approvers=("ann",), expires=LONG, deadline=LONG)}
TWO = {
    "approvals": Approvals(
        (Stage.SHIFT,), approvers=("ann", "bob", "cid"), minimum=2, self_approval=False, expires=LONG, deadline=LONG
    )
}
SOON_OVER = {
    "approvals": Approvals((Stage.SHIFT,), approvers=("ann", "bob"), minimum=2, expires=2 * UNIT, deadline=4 * UNIT)
}
ASKED = ("crash", "reply lost", "takeover", "commit", "inconclusive", "git beside unread", "member dies", "turns bad")
OWN_VOTES = tuple(sorted(set(VOTES) - {"the author's vote"}))  # where the author may approve
SHUTTING = (*WINDOWS, *OVERRIDE)
TELLING = ("crash", "request lost", "reply lost", "takeover", "commit", "stale git", *GIT)

TELLING_ONLY = ("crash", "reply lost", "git moved", "retry")
NOTE = {"git_after": GitAfter.NOTE}
EVERYDAY = ("crash", "turns bad", "commit", "abort", "pause", "resume", "member dies", "gateway dies", "takeover")
PUTTING = ("crash", "reply lost", "takeover", "old work tree", "retry", "obstacle", "git moved", "commit")
ALL_OF_THEM = bad_one(PAIRED - {"torn", "resume"}) | {*VOTES, *SHUTTING, *GIT}
FIRST = {"approvals": Approvals((Stage.PREFLIGHT,), approvers=("ann",), expires=LONG, deadline=LONG)}
FOUND = ("turns bad", "turns good", "pause", "resume")  # by gates, while somebody is asked

SMALL_ASKED = (
    scenario("every stage asked of one", (*ASKED, *OWN_VOTES), **ONE, prompt=True, steps=SHORT),
    scenario("asked of two, not of the author", (*ASKED, *VOTES), **TWO, prompt=True, steps=SHORT),
    scenario("approvals that expire", ("a no", "an expired vote", "slow"), **SOON_OVER, prompt=True, steps=SHORT),
    scenario("asked again, onFailure: hold", FOUND, 2, **TWO, **HOLD, prompt=True, steps=SHORT),
    scenario("windows", ("crash", "turns bad", "commit", "abort", *SHUTTING), prompt=True, steps=SHORT),
    scenario("windows, approved beforehand", (*SHUTTING, "a no"), 2, **FIRST, prompt=True, steps=SHORT),
    scenario("git is told of a bad version", TELLING, **BAD, beside=True, prompt=True, steps=SHORT),
    scenario(
        "git is told that somebody aborted",
        ("abort", "old work tree", "retry"),
        3,
        beside=True,
        prompt=True,
        steps=SHORT,
    ),
    scenario("git is told, by a note only", TELLING_ONLY, 2, **BAD, **NOTE, beside=True, prompt=True, steps=SHORT),
)

LARGE_ASKED = (
    scenario("any two faults, every stage asked of one", (*ASKED, *OWN_VOTES), 2, **ONE, prompt=True, steps=SHORT),
    scenario("any two faults, asked of two", (*ASKED, *VOTES), 2, **TWO, prompt=True, steps=SHORT),
    scenario("any two faults, git is told", (*TELLING, *SHUTTING), 2, **BAD, beside=True, prompt=True, steps=SHORT),
    scenario("any two faults, windows", (*EVERYDAY, *SHUTTING), 2, **FIRST, prompt=True, steps=SHORT),
    scenario(
        "any fault, somebody asked and git told", ALL_OF_THEM, **TWO, **BAD, beside=True, prompt=True, steps=SHORT
    ),
    scenario("any fault, asked of two, a slow world", (*ASKED, *VOTES), **TWO, steps=SHORT),
    scenario("three faults around a file that is put back", PUTTING, 3, **BAD, beside=True, prompt=True, steps=SHORT),
)
