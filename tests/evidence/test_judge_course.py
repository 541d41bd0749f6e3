"""Laws 7, 10, 13 and 14: each is broken in a record that was good, and each excuse is one."""

from __future__ import annotations

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
    STEPS,
    at,
    judge,
    laws,
    record,
    to,
)

from reconciler.core.events import (
    Accepted,
    Adopted,
    Applied,
    Began,
    DriftFound,
    Ended,
    Event,
    Intended,
    Phase,
    Rebound,
    Requested,
    Verb,
)
from reconciler.core.model import Admission, Pair, Routing, Slot, Weights, all_on, share
from reconciler.core.steps import Result, Route, Start, Stop
from reconciler.evidence.access import Served

BOTH_OPEN = Pair(Admission.OPEN, Admission.OPEN)
SUCCEEDED = (*CLIMB, Ended(Phase.SUCCEEDED))


def over(before: Weights, weight: int = 10) -> Intended:
    """A rise that was computed from `before`."""
    return Intended(Route(before, Routing(share(GREEN, weight), fallback=BLUE), True), "climb", "Successful", "r" * 40)


def web(slot: Slot, rule: str = "retire") -> Intended:
    return Intended(Stop(slot, ("web",)), rule, "no longer needed", "r" * 40)


def shuts(slot: Slot, weights: Weights) -> Intended:
    admission = BOTH_OPEN.replace(slot, Admission.CLOSED)
    return Intended(Route(weights, Routing(weights, admission)), "retire", "admit nobody", "r" * 40)


class TestLaw7:
    """What a write was computed from is what stood there."""

    def test_a_write_over_something_else_is_found_where_it_was_done(self) -> None:
        found = judge(record(*BEGINNING, over(share(GREEN, 50)), DONE)).breaches
        assert [(one.law, one.seq) for one in found] == [(7, 11)]
        assert "computed from blue 50 %, green 50 %" in found[0].message
        assert "stood at blue 100 %, green 0 %" in found[0].message

    @pytest.mark.parametrize("result", [Result.CONFLICT, Result.REFUSED, Result.UNKNOWN])
    def test_what_the_gateway_refused_overwrote_nothing(self, result: Result) -> None:
        assert 7 not in laws(record(*BEGINNING, over(share(GREEN, 50)), Applied(result)))

    @pytest.mark.parametrize(
        "earlier",
        [
            (DriftFound(all_on(BLUE), share(GREEN, 50), BOTH_OPEN),),
            (to(10), DONE, to(50), Applied(Result.UNKNOWN)),
            (to(10), DONE, to(50), Applied(Result.CONFLICT)),
            (Adopted(OLD), Began("u", OLD, NEW, "d", "r" * 40, STEPS)),
        ],
        ids=["a stranger's hand on record", "no reply", "moved meanwhile", "adopted as it stands"],
    )
    def test_what_may_have_stood_there_may_be_written_over(self, earlier: tuple[Event, ...]) -> None:
        assert 7 not in laws(record(*BEGINNING, *earlier, over(share(GREEN, 50)), DONE))

    @pytest.mark.parametrize(("rule", "broken"), [("reopen-gateway", False), ("go-back", True)])
    def test_where_nobody_is_served_a_strangers_hand_is_on_record_in_the_write_itself(
        self, rule: str, broken: bool
    ) -> None:
        home = replace(HOME, act=Route(share(GREEN, 50), Routing(all_on(BLUE))), rule=rule)
        assert (7 in laws(record(*BEGINNING, BACK, home, DONE))) is broken

    def test_after_a_write_that_was_read_back_only_that_stands(self) -> None:
        earlier = (to(10), Applied(Result.UNKNOWN), to(10), DONE)
        assert 7 in laws(record(*BEGINNING, *earlier, over(all_on(BLUE), 50), DONE))


class TestLaw10:
    """Stable is the way back; whoever is stopped has no users, for certain."""

    def test_emptied_and_shut_a_slot_may_be_stopped(self) -> None:
        assert laws(record(*BEGINNING, *SUCCEEDED, shuts(BLUE, all_on(GREEN)), DONE, web(BLUE))) == set()

    @pytest.mark.parametrize(
        ("events", "said"),
        [
            ((*CLIMB, web(BLUE)), "blue@1 is stopped, and it is the way back"),
            ((*CLIMB[:2], web(GREEN)), "green is stopped with a weight of 10"),
            ((*SUCCEEDED, web(BLUE)), "blue is stopped, and still admits users"),
            ((*SUCCEEDED, shuts(BLUE, all_on(GREEN)), Applied(Result.UNKNOWN), web(BLUE)), "still admits"),
            ((*SUCCEEDED, web(GREEN)), "green@2 is stopped, and it is the way back"),
        ],
    )
    def test_whoever_is_stopped_too_early_is_found(self, events: tuple[Event, ...], said: str) -> None:
        found = [one for one in judge(record(*BEGINNING, *events)).breaches if one.law == 10]
        assert said in found[0].message

    def test_down_stops_everything_by_a_persons_word(self) -> None:
        down = (Requested(Verb.DOWN), web(BLUE, "bring-down"))
        assert 10 not in laws(record(*BEGINNING[:-1], *down))

    def test_what_is_not_stable_makes_room_in_stables_own_slot(self) -> None:
        assert 10 not in laws(record(*BEGINNING[:-1], web(BLUE, "start-stable")))

    def test_a_worker_serves_no_users_and_may_be_stopped_also_where_it_only_stands_by(self) -> None:
        """That it is a worker is told elsewhere in the record: it is owned there."""
        ends = Intended(Stop(GREEN, ("worker",)), "prepare", "make room", "r" * 40)
        assert 10 not in laws(record(*BEGINNING, *CLIMB[:2], ends))
        both = replace(ends, act=Stop(GREEN, ("worker", "web")))
        for users in (web(GREEN), both):
            assert 10 in laws(record(*BEGINNING, *CLIMB[:2], users))
        nobodys = [event for event in BEGINNING if not isinstance(event, Intended) or not isinstance(event.act, Start)]
        nobodys.remove(DONE)  # of the start that is left out
        assert 10 in laws(record(*nobodys, *CLIMB[:2], ends))

    @pytest.mark.parametrize(("drain", "lawful"), [(30.0, False), (0.5, True), (None, True)])
    def test_a_user_who_is_with_a_slot_when_it_is_stopped_proves_that_it_was_not_drained(
        self, drain: float | None, lawful: bool
    ) -> None:
        entries = record(*BEGINNING, *SUCCEEDED, shuts(BLUE, all_on(GREEN)), DONE, web(BLUE))
        stop = at(len(entries))
        begun = stop - 7.5  # while blue still had users
        one = Served(begun, BLUE, 200, "x", seconds=stop + 2 - begun)
        found = judge(entries, [one, replace(one, seconds=5.0), replace(one, slot=GREEN, start=stop - 1)], drain=drain)
        assert [(each.law, each.seq) for each in found.breaches] == ([] if lawful else [(10, len(entries))])


class TestLaw13:
    """For one desired state directions change a bounded number of times."""

    AGAIN = (replace(BACK, hold=False), HOME, DONE, Ended(Phase.ROLLED_BACK), BEGINNING[-1])

    def test_twice_may_be_the_machine_and_the_third_time_is_found(self) -> None:
        assert 13 not in laws(record(*BEGINNING, *self.AGAIN, *self.AGAIN))
        found = judge(record(*BEGINNING, *self.AGAIN, *self.AGAIN, *self.AGAIN)).breaches
        assert [(one.law, one.seq) for one in found] == [(13, 20)]

    @pytest.mark.parametrize("said", [Requested(Verb.RETRY), Accepted("d", "s" * 40, Pair("1", "2"))])
    def test_a_persons_word_or_another_wish_counts_anew(self, said: Event) -> None:
        assert 13 not in laws(record(*BEGINNING, *self.AGAIN, *self.AGAIN, said, *self.AGAIN))


class TestLaw14:
    """Revisions in force go forward."""

    FIRST, SECOND = (Accepted(d, d * 40, Pair("1", "2")) for d in ("d", "e"))

    def test_what_was_left_does_not_come_back(self) -> None:
        found = judge(record(*BEGINNING, self.FIRST, self.SECOND, self.FIRST)).breaches
        assert [(one.law, one.seq) for one in found] == [(14, 12)]

    def test_the_same_revision_may_be_read_anew(self) -> None:
        assert 14 not in laws(record(*BEGINNING, self.FIRST, replace(self.FIRST, digest="f"), self.SECOND))

    def test_by_leave_another_history_holds_and_its_commits_come_anew(self) -> None:
        leave = Requested(Verb.RETRY, accept_rewritten=True)
        assert 14 not in laws(record(*BEGINNING, self.FIRST, self.SECOND, leave, self.FIRST, self.SECOND))
        assert 14 in laws(record(*BEGINNING, self.FIRST, self.SECOND, leave, self.FIRST, self.SECOND, self.FIRST))

    @pytest.mark.parametrize("event", [Rebound("old", "r" * 40, STEPS, 0), replace(BEGINNING[-1], digest="old")])
    def test_a_transition_follows_what_is_in_force(self, event: Event) -> None:
        assert 14 in laws(record(*BEGINNING, event))
