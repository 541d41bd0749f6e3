"""The configurations in which somebody asks for a drill: it costs a fault of the budget, like every word."""

from __future__ import annotations

from model_asking import WINDOWS
from model_faults import DRILLS
from model_git import GIT
from model_scenarios import AT_ONCE, HANDED, ONE_WAY, PAIRED, SAVED, scenario
from model_world import SHORT, UNIT

from reconciler.core.model import DrillPolicy

SWITCH, ROLLBACK, RESTORE = sorted(DRILLS, reverse=True)
MOVING = (SWITCH, ROLLBACK)  # users
AMIDST = ("crash", "reply lost", "takeover", "commit", "abort", "member dies", "turns bad", "moved by hand", "pause")
CALM = {"free": frozenset[int](), "prompt": True, "steps": SHORT}  # nobody commits but as a fault
ONE_WAY_AT_ONCE = {**ONE_WAY, "steps": AT_ONCE}
SOON_OVER = {"drill": DrillPolicy(expires=2 * UNIT)}
TOLD = ("crash", "commit", "turns bad", "abort", *sorted({*GIT} - {"retry", "old work tree"}))
RESTORING = ("crash", "reply lost", "takeover", "commit", "abort", "pause", "member dies", "snapshot fails")
HOME = ("turns bad", "turns good", "retry", "commit")

SMALL_DRILLS = (
    scenario("a drill there and back", (SWITCH, *AMIDST), 2, **CALM),
    scenario("a rehearsed rollback", (ROLLBACK, "crash", "reply lost", "abort", "turns bad"), 2, **CALM),
    scenario("a drill that expires", (*MOVING, "slow"), 2, **CALM, **SOON_OVER),
    scenario("a drill, and a way home that fails", (SWITCH, *HOME), 3, **CALM),
    scenario("a rehearsed restore", (RESTORE, *RESTORING), 2, **CALM | SAVED),
    scenario("a restore that there is nothing for", (RESTORE, "crash"), 2, **CALM),
)

LARGE_DRILLS = (
    scenario("a drill and any fault", (PAIRED | {*MOVING}) - {"partial", "turns good"}, 2, **CALM),
    scenario("a drill of a member that stands by", (SWITCH, *AMIDST), 2, **CALM, **HANDED),
    scenario("a drill, and git is told", (SWITCH, *TOLD), 2, **CALM, beside=True),
    scenario("a drill in windows", (*MOVING, *WINDOWS, "crash", "commit"), 3, **CALM),
    scenario("a drill where data are migrated", (*MOVING, "crash", "commit", "abort"), 2, **CALM | ONE_WAY_AT_ONCE),
    scenario("a drill and two faults", (SWITCH, *AMIDST), 3, **CALM),
    scenario("a drill in a slow world", (SWITCH, *AMIDST), 2, **CALM | {"prompt": False}),
    scenario("a restore and two faults", (RESTORE, *RESTORING), 3, **CALM | SAVED),
    scenario("a restore that expires", (RESTORE, *RESTORING), 2, **CALM | SAVED | SOON_OVER),
    scenario("a restore, and git is told", (RESTORE, *TOLD), 2, **CALM | SAVED, beside=True),
)
