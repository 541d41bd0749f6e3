"""The judge finds what it is there to find: each test breaks one law in a record that was good."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from evidence_record import (
    BACK,
    BEGINNING,
    BLUE,
    CLIMB,
    DONE,
    GREEN,
    HOME,
    NEW,
    OLD,
    OPEN,
    STEPS,
    at,
    laws,
    record,
    starts,
    stops,
    to,
)

from reconciler.core.events import (
    Applied,
    Began,
    DriftFound,
    Ended,
    Event,
    GenerationTaken,
    Intended,
    Phase,
    Requested,
    Verb,
)
from reconciler.core.model import Admission, Pair, Routing, all_on, share
from reconciler.core.steps import Result, Route
from reconciler.evidence import access
from reconciler.evidence.access import Served
from reconciler.evidence.judge import judge


def test_a_good_record_breaks_no_law() -> None:
    whole = record(*BEGINNING, *CLIMB, stops(BLUE), DONE, starts(GREEN), DONE, Ended(Phase.SUCCEEDED))
    assert judge(whole).breaches == ()


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
        assert [breach.seq for breach in judge(entries, late, sticky=True).breaches] == [9]


def line(**changes: object) -> str:
    said = {"start": "2026-11-23T12:00:00.000Z", "id": "a", "status": 200, "route": "users/api", "upstream": "h:1"}
    said["milliseconds"] = 250
    return json.dumps({**said, **changes}) + "\n"


class TestAccessLog:
    def test_users_are_read_and_probes_are_left_out(self) -> None:
        log = [line(), line(route="probe/api/blue"), line(upstream=None, status=503, route=None)]
        found = list(access.read(log, {"h:1": BLUE}))
        assert [(one.slot, one.status) for one in found] == [(BLUE, 200), (None, 503)]
        assert (found[0].start, found[0].seconds) == (at(1), 0.25)

    def test_an_address_that_is_nobodys_is_told_from_no_address_at_all(self) -> None:
        upstreams = ("10.0.0.9:80", None, "-:-", "-", "h:1")
        found = access.read([line(upstream=one) for one in upstreams], {"h:1": BLUE})
        assert [one.stranger for one in found] == ["10.0.0.9:80", "", "", "", ""]

    def test_a_connection_on_which_no_request_came_is_no_answer(self) -> None:
        assert len(list(access.read([line(start="-.-+00:00", id="-", status=0), line()], {"h:1": BLUE}))) == 1

    def test_what_a_killed_gateway_left_half_written_is_skipped(self) -> None:
        assert len(list(access.read([line()[:20], "\n", "[1]\n", line()], {"h:1": BLUE}))) == 1


class TestOfNothingNothingIsProved:
    def test_a_record_with_users_is_judged(self) -> None:
        found = judge(record(*BEGINNING), [Served(at(60), BLUE, 200)])
        assert (found.entries, found.answers, found.objections()) == (9, 1, [])

    def test_an_empty_journal_is_no_success(self) -> None:
        assert judge([], [Served(at(60), BLUE, 200)]).objections(users=False) == [
            "the journal has no entry: nothing was judged"
        ]

    @pytest.mark.parametrize("served", [(), (Served(at(60), None, 503),), (Served(at(1), BLUE, 200),)])
    def test_a_log_of_which_no_line_was_compared_is_no_success_where_there_were_users(
        self, served: tuple[Served, ...]
    ) -> None:
        found = judge(record(*BEGINNING), served)
        assert found.objections(users=False) == []
        (said,) = found.objections()
        assert "nothing was compared" in said

    def test_who_answers_from_an_address_that_is_nobodys_is_named(self) -> None:
        found = judge(
            record(*BEGINNING), [Served(at(60), BLUE, 200), Served(at(60), None, 200, stranger="10.0.0.9:80")]
        )
        assert found.objections() == ["10.0.0.9:80 answered users, and is nobody's address"]
