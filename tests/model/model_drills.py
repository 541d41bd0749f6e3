"""The configurations in which somebody asks for a drill: it costs a fault of the budget, like every word."""

from __future__ import annotations

from model_asking import WINDOWS
from model_faults import DRILLS
from model_git import GIT
from model_scenarios import AT_ONCE, HANDED, ONE_WAY, PAIRED, scenario
from model_world import SHORT, UNIT

from reconciler.core.model import DrillPolicy

SWITCH, ROLLBACK = sorted(DRILLS, reverse=True)
AMIDST = ("crash", "reply lost", "takeover", "commit", "abort", "member dies", "turns bad", "moved by hand", "pause")
CALM = {"free": frozenset[int](), "prompt": True, "steps": SHORT}  # nobody commits but as a fault
ONE_WAY_AT_ONCE = {**ONE_WAY, "steps": AT_ONCE}
SOON_OVER = {"drill": DrillPolicy(expires=2 * UNIT)}
TOLD = ("crash", "commit", "turns bad", "abort", *sorted({*GIT} - {"retry", "old work tree"}))
HOME = ("turns bad", "turns good", "retry", "commit")

SMALL_DRILLS = (
    scenario("a drill there and back", (SWITCH, *AMIDST), 2, **CALM),
    scenario("a rehearsed rollback", (ROLLBACK, "crash", "reply lost", "abort", "turns bad"), 2, **CALM),
    scenario("a drill that expires", (*DRILLS, "slow"), 2, **CALM, **SOON_OVER),
    scenario("a drill, and a way home that fails", (SWITCH, *HOME), 3, **CALM),
)

LARGE_DRILLS = (
    scenario("a drill and any fault", (PAIRED | {*DRILLS}) - {"partial", "turns good"}, 2, **CALM),
    scenario("a drill of a member that stands by", (SWITCH, *AMIDST), 2, **CALM, **HANDED),
    scenario("a drill, and git is told", (SWITCH, *TOLD), 2, **CALM, beside=True),
    scenario("a drill in windows", (*DRILLS, *WINDOWS, "crash", "commit"), 3, **CALM),
    scenario("a drill where data are migrated", (*DRILLS, "crash", "commit", "abort"), 2, **CALM | ONE_WAY_AT_ONCE),
    scenario("a drill and two faults", (SWITCH, *AMIDST), 3, **CALM),
    scenario("a drill in a slow world", (SWITCH, *AMIDST), 2, **CALM | {"prompt": False}),
)
