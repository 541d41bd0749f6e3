"""Every situation in a large, finite space: decide always answers, never raises, and breaks no law on any of them.

`make laws` asks about each of them, two and a half million. `make test` asks about one in seven, by its number, so
always about the same ones: beside everything that may be remembered there is still every reading of the gateway and of
each member, mostly any three of those together (the last test counts), and every rule still decides and matters.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations, islice, product

import pytest
from core_asking import FEW, asking, owing
from core_drills import drilling
from core_laws import ABOUT, LAWS, broken
from core_world import API, NEWCOMER, ON_BLUE, ON_GREEN, STABLE, UNREAD, WARM, B, Edge, G, spec
from core_world import WEB as WEB_GATE

from reconciler.core.diff import standing
from reconciler.core.events import Accepted, DriftFound, Event, Intended, Phase, RestoreBegan, SnapshotTaken
from reconciler.core.gates import Verdict, due, proof
from reconciler.core.model import (
    Admission,
    Desired,
    DriftMode,
    GateSpec,
    Limits,
    Migration,
    Mode,
    OnFailure,
    Outcome,
    Pair,
    Release,
    Snapshot,
    Spec,
    Stage,
    share,
)
from reconciler.core.plan import RULES, Decision, decide, rule_name
from reconciler.core.reading import (
    Counters,
    GateReading,
    GatewayReading,
    MemberReading,
    MemberStatus,
    MigrationReading,
    MigrationStatus,
    Observed,
    SnapshotReading,
    SnapshotStatus,
    Stamp,
)
from reconciler.core.situation import Do, Record, Wait
from reconciler.core.state import Held, Leftover, State, Transition, Word
from reconciler.core.steps import Route, Routing, Start

ONE_IN = 1 if os.environ.get("LAWS") == "all" else 13  # prime, and no number of readings has it as a factor
LEAST = 2_400_000 // ONE_IN
ASKED = (Outcome.SUCCESSFUL, Outcome.FAILED, Outcome.INCONCLUSIVE)
KEPT = 40  # situations per rule that are decided again without the rule
NOW = 50.0
TO_GREEN, TO_BLUE = spec(G, green="v2"), spec(B, green="v2")
ASKS = spec(G, green="v2", gates=(replace(WEB_GATE, limits=Limits(critical=False)),))
MIGRATES = spec(G, green="v2", migration=Migration("migrate", "migrated", old_version_works=False))
SAVES = spec(G, green="v2", snapshot=Snapshot(("shared",)))
WARN, HOLD = spec(G, green="v2", drift=DriftMode.WARN), spec(G, green="v2", on_failure=OnFailure.HOLD)

WEB = (
    *(MemberReading(status) for status in (MemberStatus.STOPPED, MemberStatus.STOPPING, MemberStatus.UNKNOWN)),
    *(MemberReading(MemberStatus.READY, v) for v in ("v1", "v2", None)),
    *(MemberReading(MemberStatus.UNREADY, v) for v in ("v1", "v2")),
)
WORKER = (MemberReading(MemberStatus.STOPPED), MemberReading(MemberStatus.READY), UNREAD)
MEMBERS = tuple(Pair(*slots) for slots in product(tuple(product(WEB, WORKER)), repeat=2))
FEW_WEB = (WEB[0], WEB[3], WEB[4], WEB[7])
STANDING = (
    *WORKER,
    *(MemberReading(status, v) for status in (MemberStatus.READY, MemberStatus.STANDBY) for v in ("v1", "v2")),
    *(MemberReading(MemberStatus.STOPPING, "v1"), MemberReading(MemberStatus.UNREADY, "v2")),
)
STAND_BY = tuple(Pair(*slots) for slots in product(tuple(product(FEW_WEB, STANDING)), repeat=2))
DRAINED = Pair(Counters(), Counters())
CLOSED = Pair(Admission.OPEN, Admission.CLOSED)


def gateway(weights: Pair[int] | None, *, up: bool = True, **changes: object) -> GatewayReading:
    reading = GatewayReading(up, weights, incarnation="1", stamp=Stamp("ours", 1, 1), counters=DRAINED)
    return replace(reading, **changes)  # type: ignore[arg-type]


GATEWAYS = (
    *(None, gateway(None, up=False, stamp=None), gateway(ON_BLUE, up=False), gateway(share(G, 50), up=False)),
    *(gateway(ON_BLUE), gateway(ON_BLUE, admission=CLOSED), gateway(share(G, 10), fallback=B)),
    *(gateway(share(G, 50), fallback=B), gateway(ON_GREEN, fallback=B), gateway(ON_BLUE, stamp=Stamp("theirs", 1, 1))),
    gateway(ON_BLUE, fallback=G),
)
SCRIPT, THEIRS = Stamp("ours", 1, 2, by_hand=True), Stamp("theirs", 1, 2, by_hand=True)
SHUT = Pair(Admission.CLOSED, Admission.OPEN)
BY_HAND = (
    *(gateway(ON_BLUE, admission=CLOSED, stamp=SCRIPT), gateway(ON_GREEN, admission=SHUT, stamp=SCRIPT)),
    *(gateway(ON_BLUE, admission=CLOSED, stamp=SCRIPT, up=False), gateway(ON_BLUE, admission=CLOSED, stamp=THEIRS)),
)
HANDS = tuple(Pair(*slots) for slots in product(tuple(product(FEW_WEB, WORKER)), repeat=2))

Slots = Pair[tuple[MemberReading, ...]]
Context = tuple[MigrationReading, Desired, State, tuple[GateReading, ...], Pair[bool | None]]
UNASKED = MigrationReading()


def transition(rung: int, cursor: int, **changes: object) -> Transition:
    known: dict[str, object] = {"phase": Phase.PROGRESSING, "rung": rung, "cursor": cursor, "up": True}
    known |= {"passed": frozenset({Stage.PREFLIGHT}) if cursor else frozenset(), "digest": TO_GREEN.digest}
    steps = TO_GREEN.steps
    base = Transition("000007-green-v2", STABLE, NEWCOMER, "", "r2", steps, opened=20.0, since=20.0)
    return replace(base, **known | changes)  # type: ignore[arg-type]


def remembered(accepted: Spec, **changes: object) -> State:
    pins = Pair(accepted.pinned(B), accepted.pinned(G))
    base = State("ours", 9, 45.0, 1, Accepted(accepted.digest, "r2", pins, "gw"), STABLE, started=Pair("v1", "v2"))
    return replace(replace(base, files=Pair("v1", "v2"), warm=Pair(None, "v2")), **changes)  # type: ignore[arg-type]


def under_way() -> Iterator[tuple[Spec, State]]:
    """A transition at each of its places, with everything that may be remembered beside it."""
    back = {"phase": Phase.ROLLING_BACK, "condition": "AnalysisFailed", "reason": "5 errors", "hold": True}
    handing = {"phase": Phase.HANDING_OVER, "passed": frozenset({Stage.PREFLIGHT})}
    places = (
        *(transition(0, 0), transition(10, 1), transition(10, 2), transition(50, 3), transition(50, 4)),
        *(transition(100, 5, **handing), transition(100, 6, handed=frozenset({"worker"}))),
        transition(100, 6, phase=Phase.SOAKING, handed=frozenset({"worker"}), passed=frozenset(Stage)),
        transition(100, 6, phase=Phase.SOAKING, handed=frozenset({"worker"}), passed=frozenset(Stage), since=45.0),
    )
    yield TO_GREEN, remembered(TO_GREEN, transition=transition(0, 0, up=False))
    for place in places:
        yield TO_GREEN, remembered(TO_GREEN, transition=place)
    for place in (places[1], places[3], places[5], places[7]):
        yield TO_GREEN, remembered(TO_GREEN, transition=place, paused="for lunch")
        yield TO_GREEN, remembered(TO_GREEN, transition=replace(place, **back))
    half = places[3]
    for changes in (
        *({"abort": "no"}, {"suspended": "x"}, {"suspended": "x", "abort": "no"}, {"down": "x"}, {"promote": True}),
        *({"adopt": G}, {"forced": B}, {"intent": Intended(Start(G, "v2", ("api",)), "bring-up")}),
        {"intent": Intended(Route(share(G, 10), Routing(share(G, 50), fallback=B), True), "climb")},
        {"drift": DriftFound(share(G, 50), share(G, 10), Pair(Admission.OPEN, Admission.OPEN))},
    ):
        yield TO_GREEN, remembered(TO_GREEN, transition=half, **changes)
    for changes in ({"unready_since": 40.0}, {"refusal": "no"}, {"spent": 400.0}, {"starts": 3}, {"digest": "old"}):
        yield TO_GREEN, remembered(TO_GREEN, transition=replace(half, **changes))  # type: ignore[arg-type]
    yield TO_GREEN, remembered(TO_GREEN, transition=places[5], forced=B)
    yield TO_BLUE, remembered(TO_BLUE, transition=half)
    yield WARN, remembered(WARN, transition=replace(half, digest=WARN.digest))
    yield HOLD, remembered(HOLD, transition=replace(half, digest=HOLD.digest))
    yield HOLD, remembered(HOLD, transition=replace(half, digest=HOLD.digest, holding_since=40.0))


def standing_by() -> Iterator[tuple[Spec, State]]:
    """No transition: before the beginning, at rest, and with everything that may be remembered there."""
    failed, old = Leftover(NEWCOMER, 40.0, good=False), Leftover(Release(G, "v2"), -100.0, good=True)
    held = (Held("v2", "AnalysisFailed", "5 errors"),)
    for found in (TO_GREEN, TO_BLUE):
        for changes in (
            *({}, {"stable": None}, {"held": held, "leftover": failed}, {"leftover": old}, {"paused": "x"}),
            *({"suspended": "x"}, {"down": "x"}, {"adopt": G}, {"claim": True}, {"rollback": "x", "leftover": old}),
            {"down": "x", "went_down": True},
            *({"forced": G}, {"warm": Pair(None, None)}, {"closed": Pair(None, 30.0), "leftover": old}),
            {"stable": None, "adopt": B, "started": Pair(None, None)},
            {"drift": DriftFound(ON_BLUE, share(G, 50), Pair(Admission.OPEN, Admission.OPEN))},
        ):
            yield found, remembered(found, **changes)
    yield TO_GREEN, remembered(spec(), started=Pair("v1", None), files=Pair("v1", None))
    for drift in (None, DriftFound(ON_BLUE, share(G, 50), Pair(Admission.OPEN, Admission.OPEN))):
        yield WARN, remembered(WARN, drift=drift)
    yield TO_GREEN, State("ours")


def contexts() -> Iterator[Context]:
    """What git says, what is remembered, what the gates answer, and what the gateway's counters tell."""
    silent: Pair[bool | None] = Pair(None, None)
    for found, state in (*under_way(), *standing_by()):
        good, t = Desired("r2", found, "", found), state.transition
        outcomes = ASKED if t and not (t.going_back or state.suspended or state.down or state.abort) else (None,)
        for outcome in outcomes:
            yield UNASKED, good, noted(found, state, outcome), readings(found, state, outcome), silent
        if t and t.going_back:
            yield UNASKED, good, state, (), Pair(True, None)
            yield UNASKED, good, state, (), Pair(False, True)
        elif t and not state.intent and t.rung == 50:
            yield UNASKED, good, state, readings(found, state, Outcome.SUCCESSFUL), silent  # not noted yet
            stale = replace(t, opened=1.0, judged=Outcome.PENDING)
            yield UNASKED, good, state, readings(found, replace(state, transition=stale), Outcome.SUCCESSFUL), silent
    yield from migrating()
    state = remembered(ASKS, transition=replace(transition(50, 3), digest=ASKS.digest))
    gates, state = readings(ASKS, state, Outcome.FAILED), noted(ASKS, state, Outcome.FAILED)
    yield UNASKED, Desired("r2", ASKS, "", ASKS), state, gates, silent
    for state in (remembered(TO_GREEN), remembered(TO_GREEN, transition=transition(50, 3)), State("ours")):
        gates, state = readings(TO_GREEN, state, Outcome.SUCCESSFUL), noted(TO_GREEN, state, Outcome.SUCCESSFUL)
        force = TO_GREEN if state.accepted else None
        yield UNASKED, Desired("r3", None, "bad", force), state, gates, silent
        yield UNASKED, Desired("r3", spec(G, green="v3"), "", force, forward=False), state, gates, silent
        yield UNASKED, Desired("r3", spec(G, blue="v9", green="v2"), "", force), state, gates, silent
        yield UNASKED, Desired("r3", spec(G, green="v3"), "", force), state, gates, silent


def migrating() -> Iterator[Context]:
    """Before, in and after a migration that stable does not work with."""
    good, silent = Desired("r2", MIGRATES, "", MIGRATES), Pair(None, None)
    passed = frozenset({Stage.MIGRATE})
    begun = replace(transition(0, 0, up=False), digest=MIGRATES.digest, migrates=True)
    back = replace(begun, passed=passed, phase=Phase.ROLLING_BACK, condition="Aborted", reason="no")
    for t in (begun, replace(begun, passed=passed), back):
        for status in MigrationStatus:
            found = MigrationReading(status, t.id, ran=True, migration=MIGRATES.migration)
            yield found, good, remembered(MIGRATES, transition=t), (), silent
    one_way = {"migrates": True, "migrated": True, "one_way": True, "digest": MIGRATES.digest}
    for t in (replace(begun, passed=passed), transition(100, 5)):
        done = replace(t, **one_way)  # type: ignore[arg-type]
        for each in (done, replace(done, holding_since=40.0)):
            state = remembered(MIGRATES, transition=each)
            yield UNASKED, good, state, readings(MIGRATES, state, Outcome.FAILED), silent
    yield UNASKED, good, remembered(MIGRATES, started=Pair("v1", None), warm=Pair(None, None)), (), silent


def moved_by_hand() -> Iterator[Context]:
    """Somebody has moved all traffic with a script, at each place where that makes a difference."""
    good, silent = Desired("r2", TO_GREEN, "", TO_GREEN), Pair(None, None)
    back = {"phase": Phase.ROLLING_BACK, "condition": "AnalysisFailed", "reason": "5 errors", "hold": True}
    half, soaks = transition(50, 3), transition(100, 6, phase=Phase.SOAKING, handed=frozenset({"worker"}))
    places = (None, half, soaks, replace(half, one_way=True), replace(soaks, **back))
    spoken = ({}, {"by_hand": Word.AWAITED, "suspended": "x"}, {"by_hand": Word.AWAITED}, {"by_hand": Word.GIVEN})
    for t, changes in product((*places, replace(half, **back | {"condition": "Aborted"})), spoken):
        yield UNASKED, good, remembered(TO_GREEN, transition=t, **changes), (), silent
    for changes in ({"adopt": G}, {"adopt": B}, {"claim": True}, {"abort": "no"}, {"down": "x"}, {"suspended": "x"}):
        for place in (None, half):
            state = remembered(TO_GREEN, transition=place, by_hand=Word.GIVEN, **changes)
            yield UNASKED, good, state, (), silent
    yield UNASKED, good, remembered(TO_GREEN, stable=None), (), silent
    old = Leftover(Release(G, "v2"), -100.0, good=True)
    yield UNASKED, good, remembered(TO_GREEN, by_hand=Word.GIVEN, leftover=old, closed=Pair(None, 30.0)), (), silent


def saving() -> Iterator[tuple[Desired, State, tuple[GateReading, ...], dict[str, object]]]:
    """Before, in and after the taking of a recovery point; and too late for one."""
    good, taken = Desired("r2", SAVES, "", SAVES), SnapshotTaken("a.zip", "d", 1, Snapshot(("shared",)))
    before = replace(transition(0, 0, up=False), digest=SAVES.digest)
    back = replace(before, phase=Phase.ROLLING_BACK, condition="Aborted", reason="no")
    for t in (before, replace(before, saving=True), replace(before, saved=taken), back, transition(10, 2)):
        state = remembered(SAVES, transition=replace(t, digest=SAVES.digest))
        for status in SnapshotStatus:
            found = SnapshotReading(status, t.id, SAVES.snapshot, "a.zip", "d", 1)
            yield good, state, readings(SAVES, state, Outcome.SUCCESSFUL), {"snapshot": found}
    yield good, remembered(SAVES, started=Pair("v1", None), warm=Pair(None, None)), (), {}


def put_back() -> Iterator[tuple[Desired, State, tuple[GateReading, ...], dict[str, object]]]:
    """A recovery point was being put into its place, and that has not ended: at rest, on the way, on the way back."""
    begun, good = RestoreBegan("a.zip", "d", "", "1"), Desired("r2", TO_GREEN, "", TO_GREEN)
    half = transition(50, 3)
    back = replace(half, phase=Phase.ROLLING_BACK, condition="AnalysisFailed", reason="5 errors", hold=True)
    old = Leftover(Release(G, "v2"), -100.0, good=True)
    for t in (None, transition(0, 0, up=False), half, transition(100, 5, phase=Phase.HANDING_OVER), back):
        for changes in ({}, {"down": "x"}, {"suspended": "x"}, {"adopt": G}, {"claim": True}, {"abort": "no"}):
            state = remembered(TO_GREEN, transition=t, restoring=begun, **changes)
            yield good, state, readings(TO_GREEN, state, Outcome.SUCCESSFUL), {}
    yield good, remembered(TO_GREEN, restoring=begun, rollback="x", leftover=old), (), {}
    yield good, remembered(TO_GREEN, restoring=begun, stable=None), (), {}
    migrating_ = replace(transition(0, 0, up=False), migrates=True, passed=frozenset({Stage.MIGRATE}))
    for found, t in ((MIGRATES, migrating_), (SAVES, transition(0, 0, up=False))):
        state = remembered(found, transition=replace(t, digest=found.digest), restoring=begun)
        yield Desired("r2", found, "", found), state, readings(found, state, Outcome.SUCCESSFUL), {}


def warm_contexts() -> Iterator[Context]:
    """A worker that can stand by, with gates for its hand-over: where it matters who owns."""
    gate = GateSpec("drained", "queue-drained", Stage.HAND_OVER, Mode.ENFORCE)
    found = spec(G, green="v2", members=(API, WARM), gates=(WEB_GATE, gate))
    handing = {"phase": Phase.HANDING_OVER, "digest": found.digest}
    before = transition(100, 5, **handing, passed=frozenset({Stage.PREFLIGHT}))
    back = replace(before, phase=Phase.ROLLING_BACK, condition="AnalysisFailed", reason="5 errors", hold=True)
    good = Desired("r2", found, "", found)
    for t in (
        *(transition(0, 0, digest=found.digest), before, replace(before, let_go=True), back),
        replace(before, let_go=True, passed=frozenset({Stage.PREFLIGHT, Stage.HAND_OVER})),
        transition(100, 6, handed=frozenset({"worker"}), digest=found.digest),
    ):
        for paused in ("", "for lunch"):
            for outcome in (Outcome.SUCCESSFUL, Outcome.RUNNING) if not t.going_back else (None,):
                state = noted(found, remembered(found, transition=t, paused=paused), outcome)
                yield UNASKED, good, state, readings(found, state, outcome), Pair(None, None)
    for changes in ({"forced": B}, {"down": "x"}, {"leftover": Leftover(Release(G, "v2"), -100.0, good=True)}):
        yield UNASKED, good, remembered(found, **changes), (), Pair(None, None)


def noted(found: Spec, state: State, outcome: Outcome | None) -> State:
    """What the gates say is on record already, so that the rules after the note decide."""
    t = state.transition
    if t is None:
        return state
    said = proof(found, t, readings(found, state, outcome)) if outcome else Verdict(Outcome.PENDING)
    return replace(state, transition=replace(t, judged=said.outcome, sayer=said.gate))


def readings(found: Spec, state: State, outcome: Outcome | None) -> tuple[GateReading, ...]:
    t = state.transition
    return tuple(GateReading(g.name, outcome, t.window) for g in due(found, t)) if t and outcome else ()


def part(
    gateways: Iterable[GatewayReading | None], every: Iterable[Slots], first: int, one_in: int
) -> Iterator[tuple[GatewayReading | None, Slots]]:
    """All readings together, or every seventh of them; the next context begins with the next one."""
    return islice(product(gateways, every), first % one_in, None, one_in)


class Survey:
    """What came of looking at every situation, or at a part of them in each context."""

    def __init__(self) -> None:
        self.contexts, self.decided, self.breaches = 0, Counter[str](), Counter[str]()
        self.kept: dict[str, list[tuple[Desired, Observed, State, Decision]]] = {}
        for context in contexts():
            self._context(*context, MEMBERS)
        for context in warm_contexts():
            self._context(*context, STAND_BY)
        for context in moved_by_hand():
            self._context(*context, HANDS, gateways=BY_HAND)
        for desired, state, gates, changes in (*asking(), *owing(), *saving(), *put_back(), *drilling()):
            self._context(UNASKED, desired, state, gates, Pair(None, None), FEW, changes)

    def _context(
        self,
        migration: MigrationReading,
        desired: Desired,
        state: State,
        gates: tuple[GateReading, ...],
        serving: Pair[bool | None],
        every: tuple[Slots, ...],
        changes: dict[str, object] | None = None,
        gateways: tuple[GatewayReading | None, ...] = GATEWAYS,
    ) -> None:
        found, decided = standing(desired, state).spec, self.decided
        for reading, members in part(gateways, every, self.contexts, ONE_IN):
            observed = Observed(reading, members, gates, serving, migration, **changes or {})  # type: ignore[arg-type]
            decision = decide(desired, observed, state, NOW)
            decided[decision.rule] += 1
            if found is not None and not (isinstance(decision.answer, Wait) and decision.answer.until is None):
                self.breaches.update(broken(Edge(desired, found, observed, state, NOW, decision)))
            kept = self.kept.setdefault(decision.rule, [])
            if len(kept) < KEPT and (not kept or kept[-1][2] is not state):
                kept.append((desired, observed, state, decision))
        self.contexts += 1


@cache
def survey() -> Survey:
    return Survey()


@pytest.mark.timeout(1200)
def test_no_situation_raises_or_breaks_a_law(tell: Callable[[str], None]) -> None:
    found = survey()
    by_rule = ", ".join(f"{rule} {count:,}" for rule, count in found.decided.most_common())
    tell(f"covered {found.decided.total():,} situations, one in {ONE_IN}; decisions by rule: {by_rule}")
    assert not found.breaches, found.breaches.most_common(10)
    assert found.decided.total() >= LEAST
    assert found.decided["no-rule"] == 0


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("rule", RULES, ids=rule_name)
def test_every_rule_matters(rule: object) -> None:
    """Without the rule some situation, in which it decided, is decided otherwise."""
    others = tuple(other for other in RULES if other is not rule)
    kept = survey().kept.get(rule_name(rule), [])  # type: ignore[arg-type]
    changed = [1 for d, observed, state, was in kept if decide(d, observed, state, NOW, others).answer != was.answer]
    assert changed


def test_the_kinds_of_answer_are_known() -> None:
    for kept in survey().kept.values():
        for *_, decision in kept:
            match decision.answer:
                case Do(act):
                    assert hasattr(act, "slot") or type(act).__name__ in ("Route", "CloseGateway", "PutBack", "Note")
                case Record(event):
                    assert isinstance(event, Event)
                case answer:
                    assert isinstance(answer, Wait)
                    assert answer.reason[0].isupper()


def test_the_same_situation_gives_the_same_answer() -> None:
    for kept in survey().kept.values():
        for desired, observed, state, decision in kept:
            assert decide(desired, observed, state, NOW) == decision


def test_a_law_that_is_not_asked_about_an_answer_has_nothing_to_say_about_it() -> None:
    """In every situation that was kept, about every answer that was given anywhere: sensible there or not."""
    answers = [kept[0][3] for kept in survey().kept.values()]
    for desired, observed, state, _ in (one for kept in survey().kept.values() for one in kept):
        found = standing(desired, state).spec
        for decision in answers if found else ():
            edge = Edge(desired, found, observed, state, NOW, decision)
            asked = dict(ABOUT[type(decision.answer)])
            assert not [number for number, law in LAWS.items() if number not in asked and law(edge)]


def fields(reading: GatewayReading | None, members: Slots) -> tuple[object, ...]:
    """What was read of the gateway, and of each member in each slot."""
    return reading, *members.blue, *members.green


def met(rows: Iterable[tuple[GatewayReading | None, Slots]], strength: int) -> set[tuple[object, ...]]:
    """Every so many fields, with what was read there together."""
    read = [tuple(enumerate(map(id, fields(*row)))) for row in rows]
    return {some for row in read for some in combinations(row, strength)}


@pytest.mark.parametrize(
    ("gateways", "every", "strength"),
    [(GATEWAYS, MEMBERS, 3), (GATEWAYS, STAND_BY, 3), (BY_HAND, HANDS, 2), (GATEWAYS, FEW, 1)],
    ids=["members", "standing by", "by hand", "few"],
)
def test_a_seventh_leaves_out_nothing_that_so_many_readings_show_together(
    gateways: tuple[GatewayReading | None, ...], every: tuple[Slots, ...], strength: int
) -> None:
    wanted = met(product(gateways, every), strength)
    assert all(met(part(gateways, every, first, 7), strength) == wanted for first in range(7))
