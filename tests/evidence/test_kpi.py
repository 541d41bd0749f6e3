"""The figures of a month follow from the journal alone, and what is not in it is unknown, never zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from evidence_record import BACK, CLIMB, DONE, HOME, NEW, OLD, STEPS, to
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.core.events import (
    Adopted,
    Applied,
    Began,
    Created,
    DriftFound,
    Ended,
    Event,
    GenerationTaken,
    HoldBegan,
    Phase,
    Requested,
    RestoreTried,
    RollbackBegan,
    SoakBegan,
    Verb,
    Watched,
)
from reconciler.core.model import Admission, DrillKind, Pair
from reconciler.core.reading import Trial
from reconciler.core.steps import Result
from reconciler.core.tally import Tally, Users
from reconciler.evidence.kpi import Figures, Kpi, Month
from reconciler.journal.entry import Entry

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
BEGAN = Began("t", OLD, NEW, "d", "r" * 40, STEPS)
OPEN = Pair(Admission.OPEN, Admission.OPEN)
UP = (to(10), DONE)  # the newcomer has weight


def entry(at: datetime, event: Event, elapsed: float = 0.0, name: str = "demo") -> Entry:
    return Entry(1, name, 1, "loop", at.isoformat(timespec="milliseconds"), elapsed, 1, event, "", "")


def story(*events: Event | float, elapsed: bool = True) -> list[Entry]:
    """From noon on. Numbers are seconds that pass; `elapsed` False: while nobody watched."""
    found, at, spent = [], NOON, 0.0
    for each in events:
        if isinstance(each, int | float):
            at, spent = at + timedelta(seconds=each), spent + each * elapsed
        else:
            found.append(entry(at, each, spent))
            spent = 0.0
    return found


def figures(*events: Event | float, elapsed: bool = True) -> Figures:
    return told(story(*events, elapsed=elapsed))[("demo", "2026-11")]


def test_a_drill_is_nobodys_switch_and_nobodys_rollback() -> None:
    drill = replace(BEGAN, drill=DrillKind.ROLLBACK)
    back = RollbackBegan(Phase.ROLLED_BACK, "Drill", "this is what is rehearsed", hold=False)
    found = figures(
        drill, *UP, 5.0, back, 1.0, HOME, DONE, Ended(Phase.ROLLED_BACK), BEGAN, *UP, Ended(Phase.SUCCEEDED)
    )
    assert (found.switches, found.rollbacks, found.to_safety.count) == (1, 0, 0)


def test_a_rehearsed_restore_is_neither_too() -> None:
    drill = replace(BEGAN, drill=DrillKind.RESTORE)
    trial = RestoreTried("a.zip", "d", Trial(3, 700, 2.0))
    back = RollbackBegan(Phase.ROLLED_BACK, "Drill", "this is what is rehearsed", hold=False)
    found = figures(drill, trial, 1.0, back, HOME, DONE, Ended(Phase.ROLLED_BACK))
    assert (found.switches, found.rollbacks, found.aborted, found.to_safety.count) == (0, 0, 0, 0)


def test_a_way_back_by_hand_that_nobody_watched_has_no_time_to_safety() -> None:
    back = RollbackBegan(Phase.ROLLED_BACK, "MovedByHand", "somebody moved all traffic back", hold=True)
    found = figures(BEGAN, *UP, 30.0, back, Ended(Phase.ROLLED_BACK))
    assert (found.rollbacks, found.to_safety.count) == (1, 0)


def told(entries: list[Entry], kpi: Kpi | None = None, now: datetime | None = None) -> dict[tuple[str, str], Figures]:
    kpi = kpi or Kpi()
    for one in entries:
        kpi.take(one)
    last = datetime.fromisoformat(entries[-1].at)
    return {(name, str(month)): found for name, month, found in kpi.figures(now or last)}


def tally(up: float = 0.0, out: float = 0.0, requests: int = 0, failed: int = 0, uncounted: float = 0.0) -> Watched:
    return Watched(Tally(up=up, out=out, users=Pair(Users(requests, failed), Users()), uncounted=uncounted))


# ---- downtime and requests -------------------------------------------------------------------------------------------


def test_downtime_and_failed_requests_add_up() -> None:
    found = figures(
        Created("j"),
        60.0,
        tally(48.0, 12.0, 500_000, 3),
        60.0,
        tally(60.0, requests=500_000, failed=1),
        1.0,
        SoakBegan(),
    )
    assert found.downtime == 12.0
    assert found.per_million == 4.0
    assert (found.watched, found.unwatched) == (121.0, 0.0)
    assert found.unclear == 1.0, "of its last second nothing is on record"


def test_what_was_never_told_is_unknown_and_not_zero() -> None:
    found = figures(Created("j"), 3600.0, Watched(), 3600.0, Watched())
    assert found.watched == 7200.0
    assert found.downtime is None
    assert found.per_million is None
    assert found.unclear == 7200.0
    assert found.counted == 0.0


def test_no_request_gives_no_rate_and_counters_that_were_reset_no_count() -> None:
    found = figures(Created("j"), 60.0, tally(60.0, uncounted=60.0))
    assert found.per_million is None
    assert found.downtime == 0.0
    assert found.counted == 0.0


def test_time_without_a_loop_is_not_watched_and_never_up() -> None:
    entries = [*story(Created("j"), 60.0, tally(60.0)), entry(NOON + timedelta(days=2), GenerationTaken(2))]
    found = told(entries)[("demo", "2026-11")]
    assert found.span == 2 * 86400.0
    assert found.unwatched == 2 * 86400.0 - 60.0
    assert found.tally.up == 60.0


def test_silence_until_now_is_not_watched_once_a_running_loop_would_have_written() -> None:
    entries = story(Created("j"), 60.0, tally(60.0))
    end = NOON + timedelta(seconds=60)
    assert told(entries, now=end + timedelta(hours=1))[("demo", "2026-11")].unwatched == 0.0
    assert told(entries, now=end + timedelta(hours=5))[("demo", "2026-11")].unwatched == 5 * 3600.0


# ---- months ----------------------------------------------------------------------------------------------------------


def test_months_are_those_of_the_zone_and_none_is_left_out() -> None:
    late = datetime(2026, 11, 30, 16, tzinfo=UTC)  # in Seoul it is December
    entries = [entry(NOON, Created("j")), entry(late, tally(5.0), 5.0), entry(late + timedelta(days=70), Watched())]
    seoul = told(entries, Kpi(ZoneInfo("Asia/Seoul")))
    assert [month for _, month in seoul] == ["2026-11", "2026-12", "2027-01", "2027-02"]
    assert seoul[("demo", "2026-12")].tally.up == 5.0
    assert seoul[("demo", "2027-01")].unwatched == 31 * 86400.0
    assert told(entries)[("demo", "2026-11")].tally.up == 5.0


def test_a_month_with_a_change_of_the_clock_is_as_long_as_it_was() -> None:
    zone = ZoneInfo("Europe/Berlin")
    begin = Month(2026, 10).begins(zone)
    entries = [entry(begin, Created("j")), entry(begin + timedelta(days=40), Watched())]
    assert told(entries, Kpi(zone))[("demo", "2026-10")].span == 31 * 86400.0 + 3600.0


def test_an_hour_over_a_months_edge_is_a_part_of_both() -> None:
    """Told at half past midnight in Seoul: half of it was January's."""
    at = datetime(2026, 1, 31, 14, 30, tzinfo=UTC)
    entries = [entry(at, Created("j")), entry(at + timedelta(hours=1), tally(3000.0, 600.0, 1001, 7), 3600.0)]
    found = told(entries, Kpi(ZoneInfo("Asia/Seoul")))
    january, february = found[("demo", "2026-01")], found[("demo", "2026-02")]
    assert [(one.span, one.watched, one.unwatched) for one in (january, february)] == [(1800.0, 1800.0, 0.0)] * 2
    assert (january.downtime, february.downtime) == (300.0, 300.0)
    assert january.tally.plus(february.tally).requests == (1001, 7)


ZONES = ("UTC", "Asia/Seoul", "America/New_York", "America/Sao_Paulo", "Pacific/Kiritimati", "Asia/Kathmandu")
GAPS = st.one_of(st.floats(0.0, 7200.0), st.floats(0.0, 40 * 86400.0), st.floats(-7200.0, 0.0))
ROWS = st.lists(st.tuples(GAPS, st.floats(0.0, 1.0), st.sampled_from(("", "tally", "end"))), min_size=1, max_size=30)
MOMENTS = st.none() | st.floats(-5.0, 60.0).map(lambda days: NOON + timedelta(days=days))


def journal(rows: list[tuple[float, float, str]]) -> list[Entry]:
    """Each row: seconds by the wall, below 0 where the clock was set back; the part of them that was watched; what it
    says. A clock that is set back is so while somebody watches."""
    at, untold, found = NOON, 0.0, [entry(NOON, Created("j"))]
    for gap, part, kind in rows:
        elapsed = part * (gap if gap >= 0 else 60.0)
        at, untold = at + timedelta(seconds=gap), untold + elapsed
        events: dict[str, Event] = {"tally": tally(untold / 2, untold / 4, 1000, 3), "end": Ended(Phase.SUCCEEDED)}
        found.append(entry(at, events.get(kind, Watched()), elapsed))
        untold = 0.0 if kind == "tally" else untold
    return found


@given(ROWS, st.sampled_from(ZONES), MOMENTS, MOMENTS)
@settings(max_examples=300)
def test_every_month_is_what_was_watched_and_what_was_not(
    rows: list[tuple[float, float, str]], zone: str, since: datetime | None, until: datetime | None
) -> None:
    for found in told(journal(rows), Kpi(ZoneInfo(zone), since, until)).values():
        assert found.span == pytest.approx(found.watched + found.unwatched, abs=1e-6)
        told_of = found.tally.up + found.tally.out + found.tally.off + found.unclear
        assert told_of == pytest.approx(found.watched, abs=0.1)
        assert min(found.tally.requests) >= 0


@given(ROWS, st.sampled_from(ZONES))
@example([(3121200.0, 0.0, "tally")], "Asia/Seoul")  # at a month's first moment
@example([(3121200.0, 1.0, "")], "Asia/Seoul")
@settings(max_examples=300)
def test_no_second_and_no_request_is_lost_between_months(rows: list[tuple[float, float, str]], zone: str) -> None:
    entries = journal([(abs(gap), part, kind) for gap, part, kind in rows])
    months = told(entries, Kpi(ZoneInfo(zone))).values()
    assert sum(one.watched for one in months) == pytest.approx(sum(one.elapsed for one in entries), abs=0.1)
    tallies = [one.event.tally for one in entries if isinstance(one.event, Watched) and one.event.tally]
    assert sum(one.tally.requests[0] for one in months) == sum(one.requests[0] for one in tallies)
    assert sum(one.tally.out for one in months) == pytest.approx(sum(one.out for one in tallies), abs=0.1)
    assert all(one.watched <= one.span for one in months)
    assert all(one.span <= 32 * 86400.0 for one in months)


def test_an_environment_that_has_just_begun_has_a_month_already() -> None:
    assert figures(Created("j"), Ended(Phase.SUCCEEDED)).switches == 1


def test_what_lies_outside_is_understood_but_not_counted() -> None:
    entries = story(Created("j"), BEGAN, *UP, 10.0, BACK, 5.0, HOME, DONE, Ended(Phase.ROLLED_BACK))
    since = NOON + timedelta(seconds=12)
    (found,) = told(entries, Kpi(since=since)).values()
    assert (found.rollbacks, found.to_safety.longest, found.span) == (1, 5.0, 3.0)
    (before,) = told(entries, Kpi(until=since)).values()
    assert (before.rollbacks, before.to_safety.count, before.span) == (0, 0, 12.0)


def test_each_environment_is_told_by_itself() -> None:
    other = [entry(NOON, Created("j"), name="other"), entry(NOON + timedelta(seconds=9), tally(9.0), 9.0, "other")]
    found = told([*story(Created("j"), 60.0, tally(48.0, 12.0)), *other], now=NOON + timedelta(minutes=1))
    assert [(name, one.downtime) for (name, _), one in found.items()] == [("demo", 12.0), ("other", 0.0)]


# ---- transitions and the time to safety ------------------------------------------------------------------------------


def test_switches_and_ways_back_are_counted_by_how_they_ended() -> None:
    ends = (Phase.SUCCEEDED, Phase.SUCCEEDED, Phase.ROLLED_BACK, Phase.ABORTED, Phase.SUPERSEDED)
    found = figures(*(event for phase in ends for event in (BEGAN, 1.0, Ended(phase))))
    assert (found.switches, found.rollbacks, found.aborted, found.superseded) == (2, 1, 1, 1)
    assert found.to_safety.mean is None


def test_from_found_bad_to_the_weight_that_was_read_to_be_gone() -> None:
    found = figures(BEGAN, *CLIMB, 30.0, BACK, 0.25, HOME, 0.5, DONE, 60.0, Ended(Phase.ROLLED_BACK))
    assert (found.to_safety.count, found.to_safety.longest) == (1, 0.75)


def test_a_write_that_was_refused_or_unheard_of_makes_nothing_safe() -> None:
    conflict, unknown = Applied(Result.CONFLICT, "moved"), Applied(Result.UNKNOWN)
    found = figures(BEGAN, *UP, BACK, 1.0, HOME, conflict, 1.0, HOME, unknown, 1.0, HOME, DONE, 9.0)
    assert found.to_safety.longest == 3.0


def test_a_rise_that_nobody_knows_of_may_have_given_it_weight() -> None:
    found = figures(BEGAN, to(10), Applied(Result.UNKNOWN), BACK, 2.0, HOME, DONE)
    assert found.to_safety.longest == 2.0


def test_a_newcomer_without_weight_had_nothing_to_make_safe() -> None:
    found = figures(BEGAN, BACK, 5.0, Ended(Phase.ROLLED_BACK))
    assert (found.rollbacks, found.to_safety.count) == (1, 0)


def test_a_hold_counts_from_its_beginning_unless_a_person_ended_it() -> None:
    held = (BEGAN, *UP, HoldBegan("AnalysisFailed: 5 errors"), 100.0)
    assert figures(*held, BACK, 1.0, HOME, DONE).to_safety.longest == 101.0
    resumed = figures(*held, Requested(Verb.RESUME), 50.0, BACK, 1.0, HOME, DONE)
    assert resumed.to_safety.longest == 1.0


def test_a_persons_word_counts_from_when_it_was_given() -> None:
    aborted = RollbackBegan(Phase.ABORTED, "Aborted", "no", hold=True)
    assert figures(BEGAN, *UP, Requested(Verb.ABORT), 3.0, aborted, 1.0, HOME, DONE).to_safety.longest == 4.0
    late = Began("l", OLD, NEW, "d", "r" * 40, (), back="slow")
    found = figures(Requested(Verb.ROLLBACK), 2.0, late, 1.0, HOME, DONE, Ended(Phase.ROLLED_BACK))
    assert (found.rollbacks, found.to_safety.longest) == (1, 3.0)


def test_another_newcomer_is_no_sign_that_something_was_bad() -> None:
    superseded = RollbackBegan(Phase.SUPERSEDED, "Superseded", "3 is asked for", hold=False)
    assert figures(BEGAN, *UP, superseded, 1.0, HOME, DONE, Ended(Phase.SUPERSEDED)).to_safety.count == 0


def test_somebody_elses_hand_or_the_end_may_make_it_safe_too() -> None:
    drift = DriftFound(Pair(90, 10), Pair(100, 0), OPEN)
    assert figures(BEGAN, *UP, BACK, 2.0, drift, 9.0, Ended(Phase.ROLLED_BACK)).to_safety.longest == 2.0
    assert figures(BEGAN, *UP, BACK, 9.0, Ended(Phase.ROLLED_BACK)).to_safety.longest == 9.0
    assert figures(BEGAN, *UP, BACK, 4.0, Adopted(OLD)).to_safety.longest == 4.0


def test_a_crash_on_the_way_back_counts_by_the_wall_and_a_clock_set_back_by_what_was_watched() -> None:
    crashed = (BEGAN, *UP, BACK, 600.0, GenerationTaken(2), HOME, DONE)
    assert figures(*crashed, elapsed=False).to_safety.longest == 600.0
    entries = story(BEGAN, *UP, BACK, 4.0, HOME, DONE)
    early = (NOON - timedelta(seconds=30)).isoformat(timespec="milliseconds")
    back = [Entry(1, "demo", 1, "loop", early, one.elapsed, 1, one.event, "", "") for one in entries[-2:]]
    kpi = Kpi()
    for one in (*entries[:-2], *back):
        kpi.take(one)
    (course,) = kpi._courses.values()
    assert [found.to_safety.longest for found in course.months.values()] == [4.0]
