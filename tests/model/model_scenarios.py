"""The configurations: which commits, which faults, how many of them, and in which order of size."""

from __future__ import annotations

from collections.abc import Iterable

from model_faults import FAULTS
from model_world import API, DRAINED, GATES, LADDER, SHORT, UNIT, WARM, WEB, WORKER, B, G, Scenario, wish

from reconciler.core.model import DriftMode, OnFailure
from reconciler.core.model import Spec as Commit

EVERY = frozenset(FAULTS)
OWN = ("from_rest", "hosts_fenced", "free", "turns", "prompt")  # a scenario's own options; all others are a commit's


def story(**changes: object) -> tuple[tuple[Commit | None, ...], tuple[int, ...]]:
    """0: blue serves. 1: green@v2 is wanted. Then, in its midst: 2 a revert, 3 another newcomer, 4 another policy,
    5 another version where stable is, 6 something that nobody can read. And the parent of each."""
    commits = (
        wish(B, **changes), wish(G, green="v2", **changes), wish(B, **changes), wish(G, green="v3", **changes),
        wish(G, green="v2", **changes | {"soak": 2 * UNIT}), wish(B, blue="v3", green="v2", **changes), None,
    )  # fmt: skip
    return commits, (0, 0, 1, 1, 1, 1, 1)


def scenario(
    name: str, faults: Iterable[str] = EVERY, budget: int = 1, bad: tuple[str, ...] = (), **changes: object
) -> Scenario:
    options = {key: changes.pop(key) for key in OWN if key in changes}
    commits, parents = story(**changes)
    return Scenario(name, commits, parents, tuple(sorted(faults)), budget, bad=bad, **options)  # type: ignore[arg-type]


BAD = {"bad": ("v2",), "gates": GATES[1:]}  # found out under traffic only
TWO_WEB = {"members": (API, WEB, WORKER)}
HOLD, WARN = {"on_failure": OnFailure.HOLD}, {"drift": DriftMode.WARN}
HANDED = {"members": (API, WARM), "gates": (*GATES, DRAINED)}
FENCES = ("crash", "takeover", "delayed", "late", "duplicate", "reply lost", "abort", "gateway dies")

SMALL = (
    scenario("any fault, from nothing", prompt=True, steps=LADDER, from_rest=False),
    scenario("any fault, a bad version", **BAD, prompt=True, steps=LADDER),
    scenario("any fault, two web members", prompt=True, steps=SHORT, **TWO_WEB),
    scenario("any fault, onFailure: hold", **BAD, prompt=True, steps=SHORT, **HOLD),
    scenario("any fault, driftDetection: warn", prompt=True, steps=SHORT, **WARN),
    scenario("any two faults of crash and fence", FENCES[:4], 2, prompt=True, steps=SHORT),
    scenario("any fault, a member that stands by", prompt=True, steps=SHORT, **HANDED),
    scenario("a slow world, a member that stands by", ("crash", "pause", "resume"), steps=SHORT, **HANDED),
    scenario("a slow world", ("crash", "request lost", "member dies"), steps=SHORT),
)

LARGE = (  # the largest first, so that two processes end together
    scenario("any two faults, from nothing", budget=2, prompt=True, steps=SHORT, from_rest=False),
    scenario("three faults around the fences", FENCES, 3, prompt=True, steps=SHORT),
    scenario("any two faults", budget=2, prompt=True, steps=SHORT),
    scenario("any fault, from nothing, a slow world", steps=LADDER, from_rest=False),
    scenario("any two faults, a bad version", budget=2, **BAD, prompt=True, steps=SHORT),
    scenario("any fault, two web members, a slow world", steps=SHORT, **TWO_WEB),
    scenario("any two faults, a member that stands by", budget=2, prompt=True, steps=SHORT, **HANDED),
    scenario("any fault, a member that stands by, a slow world", steps=SHORT, **HANDED),
    scenario("any fault, a bad version, a slow world", **BAD, steps=LADDER),
    scenario("any fault, onFailure: hold, a slow world", **BAD, steps=SHORT, **HOLD),
    scenario("any fault, driftDetection: warn, a slow world", steps=SHORT, **WARN),
)
