"""Records of one environment as the judge reads them: a good one, and what it is made of."""

from __future__ import annotations

from reconciler.core.events import (
    Accepted,
    Applied,
    Began,
    Bootstrapped,
    Created,
    Event,
    GenerationTaken,
    Intended,
    Phase,
    RollbackBegan,
    StepPassed,
)
from reconciler.core.model import Admission, Analysis, Pair, Release, Routing, SetWeight, Slot, all_on, share
from reconciler.core.steps import Result, Route, Start, Stop
from reconciler.evidence import access
from reconciler.evidence.access import Served
from reconciler.evidence.judge import judge
from reconciler.journal.entry import Entry

BLUE, GREEN = Slot.BLUE, Slot.GREEN
OLD, NEW = Release(BLUE, "1"), Release(GREEN, "2")
STEPS = (SetWeight(10), Analysis(60.0), SetWeight(50), SetWeight(100))
DONE = Applied(Result.DONE)
OPEN = Pair(Admission.OPEN, Admission.OPEN)


def to(weight: int, reason: str = "all gates Successful", *, advance: bool = True) -> Intended:
    act = Route(None, Routing(share(GREEN, weight), fallback=BLUE), advance)
    return Intended(act, "climb", reason, "r" * 40)


def starts(slot: Slot, reason: str = "to own it") -> Intended:
    return Intended(Start(slot, "2", ("worker",), owner=True), "climb", reason, "r" * 40)


def stops(slot: Slot) -> Intended:
    return Intended(Stop(slot, ("worker",), owner=True), "climb", "to own it", "r" * 40)


BEGINNING: tuple[Event, ...] = (
    *(Created("journal"), GenerationTaken(3), Accepted("d", "r" * 40, Pair("1", "2")), starts(BLUE), DONE),
    *(Intended(Route(None, Routing(all_on(BLUE))), "arrive", "ready", "r" * 40), DONE, Bootstrapped(OLD)),
    Began("t", OLD, NEW, "d", "r" * 40, STEPS),
)
CLIMB: tuple[Event, ...] = (to(10), DONE, StepPassed(1), to(50), DONE, to(100), DONE)
BACK = RollbackBegan(Phase.ROLLED_BACK, "AnalysisFailed", "5 errors", hold=True)
HOME = Intended(Route(None, Routing(all_on(BLUE))), "go-back", "5 errors", "r" * 40)


def record(*events: Event, generation: int = 3) -> list[Entry]:
    """Entries a second apart, the first at 12:00:00."""
    times = (f"2026-11-23T12:{second // 60:02}:{second % 60:02}.000+00:00" for second in range(3600))
    return [
        Entry(number, "demo", 1, "test", at, 1.0, generation, event, "", "")
        for number, (event, at) in enumerate(zip(events, times, strict=False), 1)
    ]


def at(seq: int) -> float:
    """The moment of an entry of `record`."""
    return access.moment("2026-11-23T12:00:00.000+00:00") + seq - 1


def laws(entries: list[Entry], *served: Served) -> set[int]:
    return {breach.law for breach in judge(entries, served).breaches}
