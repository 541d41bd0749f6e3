"""The configurations: which commits, which faults, how many of them, and in which order of size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from model_asking import VOTES, WINDOWS
from model_faults import DRILLS, FAULTS
from model_git import GIT, OVERRIDE
from model_world import API, DRAINED, GATES, LADDER, SHORT, UNIT, WARM, WEB, WORKER, B, G, Scenario, wish

from reconciler.core.model import DriftMode, HandOver, Migration, OnFailure, SetWeight, Snapshot
from reconciler.core.model import Spec as Commit

OF_DATA = {"migration fails", "migration in doubt"}  # where there is a migration
OF_POINT = {"snapshot fails"}  # where a recovery point is asked for
OF_PEOPLE = {*VOTES, *WINDOWS, *OVERRIDE, *GIT, *DRILLS}  # where somebody is asked, or told: see model_asking_scenarios
EVERY = frozenset(FAULTS) - OF_DATA - OF_POINT - OF_PEOPLE
OWN = (
    "from_rest",
    "hosts_fenced",
    "free",
    "turns",
    "prompt",
    "beside",
)  # a scenario's own options; all others are a commit's


def story(**changes: object) -> tuple[tuple[Commit | None, ...], tuple[int, ...]]:
    """0: blue serves. 1: green@v2 is wanted. Then, in its midst: 2 a revert, 3 another newcomer, 4 another policy,
    5 another version where stable is, 6 something that nobody can read; after the revert, 7 green@v2
    again. And the parent of each."""
    commits = (
        wish(B, **changes), wish(G, green="v2", **changes), wish(B, **changes), wish(G, green="v3", **changes),
        wish(G, green="v2", **changes | {"soak": 2 * UNIT}), wish(B, blue="v3", green="v2", **changes), None,
        wish(G, green="v2", **changes),
    )  # fmt: skip
    return commits, (0, 0, 1, 1, 1, 1, 1, 2)


def put_back_in(commits: tuple[Commit | None, ...], parents: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """And the reverts of 7, of 4 and of 3: wherever a version may fail, the file may be put back (of 1 that is 2)."""
    return (*commits, commits[0], commits[0], commits[0]), (*parents, 7, 4, 3)


def scenario(
    name: str, faults: Iterable[str] = EVERY, budget: int = 1, bad: tuple[str, ...] = (), **changes: object
) -> Scenario:
    options = {key: changes.pop(key) for key in OWN if key in changes}
    commits, parents = story(**changes)
    if options.get("beside"):
        commits, parents = put_back_in(commits, parents)
    return Scenario(name, commits, parents, tuple(sorted(faults)), budget, bad=bad, **options)  # type: ignore[arg-type]


BAD = {"bad": ("v2",), "gates": GATES[1:]}  # found out under traffic only
TWO_WEB = {"members": (API, WEB, WORKER)}
HOLD, WARN = {"on_failure": OnFailure.HOLD}, {"drift": DriftMode.WARN}
HANDED = {"members": (API, WARM), "gates": (*GATES, DRAINED)}
FENCES = ("crash", "takeover", "delayed", "late", "duplicate", "reply lost", "abort", "gateway dies")
FLAPPING = ("flap", "turns bad", "turns good")
# One of two members, and what holds it up.
BOTH_WORK, ONE_WAY = ({"migration": Migration("migrate", "migrated", works)} for works in (True, False))
SAVED = {"snapshot": Snapshot(("shared",))}
AT_ONCE = (SetWeight(100), HandOver(("worker",)))
MIGRATING = ("crash", "takeover", "reply lost", "request lost", "abort", "commit", "machine dies", *sorted(OF_DATA))
SAVING = ("crash", "takeover", "reply lost", "request lost", "abort", "commit", "member dies", *sorted(OF_POINT))
NO_WAY_BACK = (*MIGRATING, "turns bad", "member dies", "slot dies", "gateway dies")
HALVES = ("partial", "torn", "member dies", "redeployed", "request lost")

# What cannot strike by its nature is not in a list: each one that is must strike (Graph.unstruck).
#   torn         the members change between two readings: in a slow world, or by another fault
#   partial      one command has two members: two web members
#   resume       something is paused or held: by another fault, or by `onFailure: hold`
#   turns good   a newcomer is bad; turns bad: it is not yet, or a commit brings another
PAIRED = EVERY - {"partial"}
SLOW = PAIRED - {"resume", "turns good"}
LONE = SLOW - {"torn"}


def bad_one(faults: frozenset[str]) -> frozenset[str]:
    """The same, where the newcomer is bad from the beginning."""
    return faults - {"turns bad"} | {"turns good"}


SMALL = (  # pairs of faults take the longest, and so stand in LARGE, but for those that a configuration is about
    scenario("any fault, from nothing", LONE, prompt=True, steps=LADDER, from_rest=False),
    scenario("any fault, a bad version", bad_one(LONE), **BAD, prompt=True, steps=LADDER),
    scenario("any fault, two web members", LONE | {"partial"}, prompt=True, steps=SHORT, **TWO_WEB),
    scenario("any fault, onFailure: hold", bad_one(LONE) | {"resume"}, **BAD, prompt=True, steps=SHORT, **HOLD),
    scenario("any fault, driftDetection: warn", LONE, prompt=True, steps=SHORT, **WARN),
    scenario("health that flaps, from bad", FLAPPING, 2, **BAD, prompt=True, steps=SHORT),
    scenario("a recovery point", SAVING, prompt=True, steps=SHORT, **SAVED),
    scenario("a migration", MIGRATING, prompt=True, steps=SHORT, **BOTH_WORK),
    scenario("a migration without a way back", NO_WAY_BACK, prompt=True, steps=AT_ONCE, **ONE_WAY),
    scenario("any fault, a member that stands by", LONE, prompt=True, steps=SHORT, **HANDED),
    scenario("a slow world", ("crash", "request lost", "member dies", "torn"), steps=SHORT),
)

LARGE = (  # the largest first, so that two processes end together
    scenario("any two faults, two web members", EVERY, 2, prompt=True, steps=SHORT, **TWO_WEB),
    scenario("any two faults, from nothing", PAIRED, 2, prompt=True, steps=SHORT, from_rest=False),
    scenario("three faults around the fences", FENCES, 3, prompt=True, steps=SHORT),
    scenario("any two faults, a member that stands by", PAIRED, 2, prompt=True, steps=SHORT, **HANDED),
    scenario("any fault, a member that stands by, a slow world", SLOW, steps=SHORT, **HANDED),
    scenario("any two faults of a recovery point", SAVING, 2, prompt=True, steps=SHORT, **SAVED),
    scenario(
        "a recovery point before a migration", (*MIGRATING, *OF_POINT), prompt=True, steps=SHORT, **SAVED, **BOTH_WORK
    ),
    scenario("any two faults of a migration", MIGRATING, 2, prompt=True, steps=SHORT, **BOTH_WORK),
    scenario("any two faults of a migration without a way back", NO_WAY_BACK, 2, prompt=True, steps=AT_ONCE, **ONE_WAY),
    scenario("any fault, a migration, a slow world", SLOW | OF_DATA, steps=SHORT, **BOTH_WORK),
    scenario("any two faults", PAIRED, 2, prompt=True, steps=SHORT),
    scenario("any fault, from nothing, a slow world", SLOW, steps=LADDER, from_rest=False),
    scenario("any two faults, a bad version", PAIRED, 2, **BAD, prompt=True, steps=SHORT),
    scenario("any fault, two web members, a slow world", SLOW | {"partial"}, steps=SHORT, **TWO_WEB),
    scenario("any fault, a bad version, a slow world", bad_one(SLOW), **BAD, steps=LADDER),
    scenario("any fault, onFailure: hold, a slow world", bad_one(SLOW) | {"resume"}, **BAD, steps=SHORT, **HOLD),
    scenario("health that flaps five times", FLAPPING, 5, prompt=True, steps=SHORT, gates=GATES[1:]),
    scenario("any fault, driftDetection: warn, a slow world", SLOW, steps=SHORT, **WARN),
)
