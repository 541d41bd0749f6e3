"""Situations in which a drill is asked for, due, or on; for test_every_situation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from core_asking import NOW_CLOSED, OPEN, Asking
from core_world import LADDER, B, G, spec

from reconciler.core.drilling import rehearsed
from reconciler.core.events import Accepted, Phase, Requested, SnapshotTaken, Verb
from reconciler.core.gates import due
from reconciler.core.model import Desired, DrillKind, DrillPolicy, Outcome, Pair, Release, Snapshot, Spec, Stage
from reconciler.core.reading import Agenda, GateReading, SnapshotReading, SnapshotStatus, Trial
from reconciler.core.state import Drill, Leftover, State, Transition

HERE, THERE = Release(B, "v1"), Release(G, "v1")
PLAIN, STAGED, BOTH = spec(drill=DrillPolicy()), spec(green="v2"), spec(green="v1")
ELSEWHERE, CHANGED = spec(G, green="v2"), spec(soak=5.0)
ASKED = Requested(Verb.DRILL)
MONTHLY = ("monthly", "2026-10-01")
KNOWN = Agenda("monthly", "2026-10-01", 1e6)
AGENDAS = (Agenda(), KNOWN, replace(KNOWN, over=True), Agenda("monthly", "2026-11-01", 5.0))
MISSED = Agenda("monthly", "2026-11-01", 1e6)
SAVED = spec(snapshot=Snapshot(("shared",)), drill=DrillPolicy(DrillKind.RESTORE))
TAKEN = SnapshotTaken("a.zip", "d", 1, Snapshot(("shared",)))


def _remembered(found: Spec, **changes: object) -> State:
    pins = Pair(found.pinned(B), found.pinned(G))
    accepted = Accepted(found.digest, "r2", pins, "gw", found.active)
    base = State("ours", 9, 45.0, 1, accepted, HERE, started=Pair("v1", "v1"), files=Pair("v1", "v1"))
    return replace(replace(base, warm=Pair("v1", "v1"), agenda=MONTHLY), **changes)  # type: ignore[arg-type]


def _heads(found: Spec) -> Iterator[Desired]:
    for head in (found, ELSEWHERE, CHANGED):
        yield Desired("r3" if head is not found else "r2", head, "", found)
    yield Desired("r3", None, "nobody can read it", found)


def drilling() -> Iterator[Asking]:
    yield from _wanted()
    for kind in DrillKind:
        drill = Drill(kind, HERE, PLAIN.digest, 10.0, 900.0)
        for each in (drill, replace(drill, expires=50.0)):
            yield from _on(each)
        yield from _on(replace(drill, turned=True))
    yield from _away()
    yield from _restoring()


def _wanted() -> Iterator[Asking]:
    """At rest, with what may lie in the idle slot; and in the midst of something."""
    left = Leftover(Release(G, "v2"), 40.0, good=True)
    over = replace(left, since=-2000.0, stopped=True)
    for found, agenda in product((PLAIN, STAGED, BOTH), AGENDAS):
        for leftover, asked in product((None, left, over), (None, ASKED)):
            state = _remembered(found, leftover=leftover, drill_asked=asked)
            yield Desired("r2", found, "", found), state, (), {"agenda": agenda}
        for changes in ({"paused": "x"}, {"suspended": "x"}, {"down": "x"}, {"stable": None}, {"transition": _out(0)}):
            state = _remembered(found, drill_asked=ASKED, **changes)
            yield Desired("r2", found, "", found), state, (), {"agenda": agenda}
    for agenda in (AGENDAS[-1], MISSED):
        yield Desired("r2", PLAIN, "", PLAIN), _remembered(PLAIN), (), {"agenda": agenda, "closed": NOW_CLOSED}
    yield Desired("r2", PLAIN, "", PLAIN), _remembered(PLAIN), (), {"agenda": MISSED}


def _out(cursor: int, *, home: bool = False, **changes: object) -> Transition:
    """As far as it has come on its way out, or home."""
    rung = (0, 10, 10, 50, 50, 100, 100)[cursor]
    stable, newcomer = (THERE, HERE) if home else (HERE, THERE)
    passed = frozenset({Stage.PREFLIGHT}) if cursor else frozenset[Stage]()
    t = Transition("000010-green-v1", stable, newcomer, "", "r2", LADDER, opened=20.0, since=20.0)
    known: dict[str, object] = {"rung": rung, "cursor": cursor, "up": True, "passed": passed}
    return replace(t, **known | {"drill": DrillKind.ROLLBACK, "judged": Outcome.SUCCESSFUL} | changes)  # type: ignore[arg-type]


def _on(drill: Drill) -> Iterator[Asking]:
    """At each place of it: between its ways, and on them, whatever git says meanwhile."""
    for stable in (THERE, HERE) if drill.turned else (HERE,):
        for changes in ({}, {"abort": "no"}, {"drill_asked": ASKED}, {"paused": "x"}):
            state = _remembered(PLAIN, stable=stable, drill=drill, **changes)
            for desired in _heads(PLAIN) if not changes else (Desired("r2", PLAIN, "", PLAIN),):
                yield desired, state, (), {"closed": OPEN if changes else NOW_CLOSED, "agenda": KNOWN}
    back = {"phase": Phase.ROLLING_BACK, "condition": "Drill", "reason": "this is what is rehearsed"}
    places = ((0, {}), (3, {}), (6, {"handed": frozenset({"worker"})}), (3, back))
    for cursor, changes in places if drill.kind is not DrillKind.RESTORE else ((0, {}), (0, back)):
        t = _out(cursor, home=drill.turned, **changes)
        state = _remembered(PLAIN, stable=t.stable, drill=replace(drill, stuck=""))
        bound = rehearsed(PLAIN, state).digest
        state = replace(state, transition=replace(t, digest=bound, drill=drill.kind))
        gates = tuple(GateReading(g.name, Outcome.SUCCESSFUL, t.window) for g in due(PLAIN, t))
        for desired in _heads(PLAIN):
            yield desired, state, gates, {"agenda": KNOWN}
        yield Desired("r2", PLAIN, "", PLAIN), state, gates, {"agenda": replace(KNOWN, over=True)}


def _restoring() -> Iterator[Asking]:
    """Asked for with and without a recovery point to put back; and at each place of its short way."""
    restore = Requested(Verb.DRILL, drill=DrillKind.RESTORE)
    for found in (PLAIN, SAVED):
        yield Desired("r2", found, "", found), _remembered(found, drill_asked=restore), (), {"agenda": KNOWN}
    drill = Drill(DrillKind.RESTORE, HERE, SAVED.digest, 10.0, 900.0)
    bound = rehearsed(SAVED, _remembered(SAVED, drill=drill)).digest
    way = _out(0, drill=DrillKind.RESTORE, digest=bound, up=False)
    for t in (way, replace(way, saved=TAKEN), replace(way, saved=TAKEN, saving=True)):
        yield from _at(SAVED, drill, t)
    yield from _at(PLAIN, replace(drill, base=PLAIN.digest), replace(way, saved=TAKEN))
    tried = replace(way, saved=TAKEN, trial=Trial(1, 2, 3.0))
    yield from _at(SAVED, replace(drill, trial=tried.trial), tried)
    back = {"phase": Phase.ROLLING_BACK, "condition": "Drill", "reason": "this is what is rehearsed"}
    yield from _at(SAVED, drill, replace(tried, **back))  # type: ignore[arg-type]


def _at(found: Spec, drill: Drill, t: Transition) -> Iterator[Asking]:
    state = _remembered(found, drill=drill, transition=t, files=Pair("v1", "v1"))
    for status in SnapshotStatus:
        seen = SnapshotReading(status, t.id, Snapshot(("shared",)), "a.zip", "d", 1)
        for desired in _heads(found):
            yield desired, state, (), {"agenda": KNOWN, "snapshot": seen}
    yield Desired("r2", found, "", found), state, (), {"agenda": replace(KNOWN, over=True)}


def _away() -> Iterator[Asking]:
    """It was to come home to green, and did not."""
    found = spec(G, blue=None, green="v1")
    drill = Drill(DrillKind.SWITCH_AND_BACK, THERE, found.digest, 10.0, 900.0, turned=True, stuck="5 errors")
    for leftover in (None, Leftover(THERE, 40.0, good=False)):
        state = _remembered(found, drill=drill, leftover=leftover)
        for desired in _heads(found):
            yield desired, state, (), {"agenda": KNOWN}
