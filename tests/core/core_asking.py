"""Situations in which somebody is asked, a window is closed, or git is owed a word; for test_every_situation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from core_world import LADDER, NEWCOMER, READY, STABLE, STOPPED, UNREAD, B, G, spec

from reconciler.core.events import Accepted, Phase
from reconciler.core.gates import due, proof
from reconciler.core.model import Approvals, Desired, GitAfter, Migration, Outcome, Pair, Spec, Stage
from reconciler.core.reading import Closed, GateReading, GitReading, MemberReading, Vote
from reconciler.core.state import Agreed, Duty, Held, Question, Refusal, State, Transition
from reconciler.core.steps import PutBack

Asking = tuple[Desired, State, tuple[GateReading, ...], dict[str, object]]
EVERY = tuple(stage for stage in Stage if stage is not Stage.POSTFLIGHT)
POLICY = Approvals(EVERY, approvers=("ann", "bob"), minimum=1)
TWO = Approvals(EVERY, approvers=("ann", "bob"), minimum=2)
ANYBODY = Approvals((Stage.PREFLIGHT, Stage.SHIFT))
MIGRATION = Migration("migrate", "migrated", old_version_works=True)
OPEN, NOW_CLOSED = (), (Closed(40.0, 90.0, "deny 0 0 24 12 *", "2026-12-27 00:00 KST"),)
SOON, FOR_EVER = (Closed(60.0, 90.0, "soon"),), (Closed(0.0, None, "for ever"),)
_READY = {version: MemberReading(READY, version) for version in ("v1", "v2")}
_GONE = MemberReading(STOPPED)
FEW = tuple(
    Pair((_READY["v1"], worker), (web, _GONE))
    for worker in (_READY["v1"], _GONE)
    for web in (_READY["v2"], _GONE, UNREAD, _READY["v1"])
)


def _transition(found: Spec, rung: int, cursor: int, passed: tuple[Stage, ...], **changes: object) -> Transition:
    base = Transition("000007-green-v2", STABLE, NEWCOMER, found.digest, "r2", LADDER, opened=20.0, since=20.0)
    known = {"rung": rung, "cursor": cursor, "passed": frozenset(passed), "up": bool(cursor or passed)}
    return replace(base, **known | changes)  # type: ignore[arg-type]


def _remembered(found: Spec, **changes: object) -> State:
    pins = Pair(found.pinned(B), found.pinned(G))
    accepted = Accepted(found.digest, "r2", pins, "gw", found.active)
    base = State("ours", 9, 45.0, 1, accepted, STABLE, started=Pair("v1", "v2"), files=Pair("v1", "v2"))
    return replace(replace(base, warm=Pair(None, "v2")), **changes)  # type: ignore[arg-type]


def _places(found: Spec) -> Iterator[Transition]:
    before = (Stage.PREFLIGHT,)
    yield _transition(found, 0, 0, (), migrates=found.migration is not None)
    yield _transition(found, 0, 0, (Stage.MIGRATE,), migrates=found.migration is not None)
    yield _transition(found, 0, 0, before, migrates=found.migration is not None, migrated=True)
    yield _transition(found, 50, 4, before)
    yield _transition(found, 100, 5, before, phase=Phase.HANDING_OVER)
    yield _transition(found, 100, 6, tuple(Stage), phase=Phase.SOAKING, handed=frozenset({"worker"}))


def _votes(stage: Stage, plan: str) -> Iterator[tuple[Vote, ...]]:
    yes = Vote("1", stage, plan, True, "ann", verified=True, author=False)
    yield ()
    yield (yes,)
    yield (yes, replace(yes, id="2", by="bob", approve=False))
    yield (replace(yes, verified=False), replace(yes, id="3", by="eve"), replace(yes, id="4", plan="of yesterday"))
    yield (replace(yes, age=-4000.0), replace(yes, id="5", age=90000.0))


def asking() -> Iterator[Asking]:
    """Every place of a transition, asked and not, agreed and not, in open and closed windows."""
    for policy, migration in product((POLICY, TWO, ANYBODY, None), (None, MIGRATION)):
        found = spec(G, green="v2", approvals=policy, migration=migration)
        for place, admitted in product(_places(found), (frozenset(), frozenset(Stage))):
            for closed, t in product((OPEN, NOW_CLOSED, SOON, FOR_EVER), _asked(place, policy)):
                yield from _at(found, replace(t, admitted=admitted), closed)


def _asked(place: Transition, policy: Approvals | None) -> Iterator[Transition]:
    yield place
    yield replace(place, frozen="deny")
    if policy is None:
        return
    for stage in (Stage.PREFLIGHT, Stage.SHIFT, Stage.FINALISE):
        asked = Question(stage, "some plan", 30.0)
        yield replace(place, asked=asked)
        yield replace(place, asked=asked, agreed=(Agreed("ann", "1", 31.0, 5.0), Agreed("bob", "2", 32.0, 5.0)))


def _at(found: Spec, t: Transition, closed: tuple[Closed, ...]) -> Iterator[Asking]:
    desired, asked = Desired("r2", found, "", found), t.asked
    for outcome in (Outcome.SUCCESSFUL, Outcome.ERROR):
        gates = tuple(GateReading(g.name, outcome, t.window) for g in due(found, t))
        said = proof(found, t, gates)
        state = _remembered(found, transition=replace(t, judged=said.outcome, sayer=said.gate))
        votes = list(_votes(asked.stage, asked.plan)) if asked and outcome is Outcome.SUCCESSFUL else [()]
        for cast in votes if not closed else votes[:2]:
            yield desired, state, gates, {"closed": closed, "votes": cast}


def owing() -> Iterator[Asking]:
    """At rest after a transition: git asks for what failed or not, can be written or not, was told or not."""
    asks, asked_not = spec(G, green="v2"), spec(B, green="v2")
    held = (Held("v2", "AnalysisFailed", "5 errors", ("v1",)),)
    duty = Duty("000007-green-v2", "r2", "RolledBack: 5 errors", good="r1", reason="AnalysisFailed: 5 errors")
    refused = Refusal(PutBack(duty.transition, "r2", "r1", "demo: blue@v1 again", duty.reason), "no", 48.0)
    lost = Duty("000005-green-v0", "r1", "Superseded")
    known = [GitReading(duty.transition, asks) for asks in (True, False, None)]
    readings = (None, *known, GitReading(duty.transition, True, "the file is dirty"), GitReading("another", True))
    specs = (asks, asked_not, spec(G, green="v2", git_after=GitAfter.NOTE))
    duties = (duty, replace(duty, commit="c1"), replace(duty, noted=duty.text), replace(duty, good=""))
    for found, told in product(specs, duties):
        for reading, refusal, closed in product(readings, (None, refused), (OPEN, NOW_CLOSED)):
            untold = (refusal,) if refusal else ()
            state = _remembered(found, held=held, duty=told, untold=untold, owed=(lost,) if closed else ())
            yield Desired("r2", found, "", found), state, (), {"git": reading, "closed": closed}
            yield Desired("r9", None, "unsigned", found, reason="RevisionUnverified"), state, (), {"git": reading}
    for closed in (OPEN, NOW_CLOSED, SOON, FOR_EVER):
        for policy in (None, POLICY):
            found = spec(G, green="v2", approvals=policy)
            yield Desired("r2", found, "", found), _remembered(found), (), {"closed": closed}
            state = _remembered(found, override=(found.digest, "urgent"))
            yield Desired("r2", found, "", found), state, (), {"closed": closed}
