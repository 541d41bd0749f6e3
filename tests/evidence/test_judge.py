"""The judge finds what it is there to find: each test breaks one law in a record that was good."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reconciler.core.model import Admission, Analysis, Pair, Release, Routing, SetWeight, Slot, all_on, share
from reconciler.core.steps import (
    Accepted,
    Applied,
    Began,
    Bootstrapped,
    Created,
    DriftFound,
    Ended,
    Event,
    GenerationTaken,
    Intended,
    Phase,
    Requested,
    Result,
    RollbackBegan,
    Route,
    Start,
    StepPassed,
    Stop,
    Verb,
)
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


def starts(slot: Slot) -> Intended:
    return Intended(Start(slot, "2", ("worker",), owner=True), "climb", "to own it", "r" * 40)


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
    return {breach.law for breach in judge(entries, served)}


def test_a_good_record_breaks_no_law() -> None:
    whole = record(*BEGINNING, *CLIMB, stops(BLUE), DONE, starts(GREEN), DONE, Ended(Phase.SUCCEEDED))
    assert judge(whole) == []


@pytest.mark.parametrize(
    ("law", "events"),
    [
        (1, (replace(to(10), act=Route(None, Routing(Pair(0, 0)), advance=True)),)),
        (2, (to(50),)),
        (2, (to(7),)),
        (3, (to(10, "errors: Inconclusive, 3 of 30 samples"),)),
        (4, (BACK, HOME, DONE, Ended(Phase.ROLLED_BACK), Began("u", OLD, NEW, "d", "r" * 40, STEPS))),
        (5, (GenerationTaken(4), to(10))),
        (8, (to(10), to(10))),
        (8, (DONE,)),
        (11, (*CLIMB[:2], BACK, to(50))),
        (19, (Requested(Verb.SUSPEND, leave_split=True), to(10))),
        (19, (Requested(Verb.PAUSE), to(10))),
        (20, (replace(to(10), revision=""),)),
        (20, (to(10, ""),)),
        (21, (starts(GREEN),)),
    ],
)
def test_a_broken_law_is_found_and_named_by_its_number(law: int, events: tuple[Event, ...]) -> None:
    assert law in laws(record(*BEGINNING, *events))


def test_after_a_word_about_an_owner_the_other_may_start() -> None:
    said = (Requested(Verb.HANDOVER, slot=BLUE, reason="its plug is out"), starts(GREEN))
    assert 21 not in laws(record(*BEGINNING, *said))


class TestWhoAnswered:
    """Journal and access log together."""

    def test_a_slot_answers_from_its_intent_until_a_moment_after_the_next_outcome(self) -> None:
        entries = record(*BEGINNING, to(10), DONE, BACK, HOME, DONE)  # to(10) is entry 10, HOME's outcome entry 14
        for when, lawful in ((9.9, False), (10.0, True), (13.9, True), (14.4, True), (14.6, False)):
            assert (laws(entries, Served(at(1) + when - 1, GREEN, 200)) == set()) is lawful, when

    def test_a_write_of_unknown_outcome_may_have_happened(self) -> None:
        unknown = record(*BEGINNING, to(10), Applied(Result.UNKNOWN))
        assert laws(unknown, Served(at(60), GREEN, 200)) == set()

    def test_a_write_that_was_refused_gives_nobody_users(self) -> None:
        refused = record(*BEGINNING, to(10), Applied(Result.REFUSED, "no"))
        assert laws(refused, Served(at(60), GREEN, 200)) == {20}

    def test_somebody_elses_hand_is_no_breach_once_it_is_on_record(self) -> None:
        drifted = record(*BEGINNING[:-1], DriftFound(all_on(BLUE), share(GREEN, 50), OPEN))
        assert laws(drifted, Served(at(8) + 0.5, GREEN, 200)) == set()
        assert laws(record(*BEGINNING[:-1]), Served(at(8) + 0.5, GREEN, 200)) == {20}

    def test_nothing_is_said_about_answers_of_the_gateway_itself_or_before_its_first_write(self) -> None:
        entries = record(*BEGINNING)
        assert laws(entries, Served(at(1), GREEN, 200), Served(at(60), None, 503)) == set()

    def test_clients_with_a_cookie_may_come_until_the_slot_is_closed(self) -> None:
        closed = Routing(all_on(BLUE), Pair(Admission.OPEN, Admission.CLOSED))
        shut = Intended(Route(all_on(BLUE), closed), "vacate", "to stop it", "r" * 40)
        entries = record(*BEGINNING[:-1], shut, DONE)
        late = [Served(at(9) - 0.5, GREEN, 200), Served(at(60), GREEN, 200)]
        assert [breach.seq for breach in judge(entries, late, sticky=True)] == [9]


def line(**changes: object) -> str:
    said = {"start": "2026-11-23T12:00:00.000Z", "id": "a", "status": 200, "route": "users/api", "upstream": "h:1"}
    return json.dumps({**said, **changes}) + "\n"


class TestAccessLog:
    def test_users_are_read_and_probes_are_left_out(self) -> None:
        log = [line(), line(route="probe/api/blue"), line(upstream=None, status=503, route=None)]
        found = list(access.read(log, {"h:1": BLUE}))
        assert [(one.slot, one.status) for one in found] == [(BLUE, 200), (None, 503)]
        assert found[0].start == at(1)

    def test_what_a_killed_gateway_left_half_written_is_skipped(self) -> None:
        assert len(list(access.read([line()[:20], "\n", "[1]\n", line()], {"h:1": BLUE}))) == 1
