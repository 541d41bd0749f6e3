"""Windows and freezes: when no transition may go forward, on every wall, through every change of the clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.desired.cron import FIELDS, Cron, zone
from reconciler.desired.document import WindowEntry
from reconciler.desired.windows import HORIZON, MOST, Calendar, Shut, closed, shut
from reconciler.errors import Refused

SEOUL, VIENNA = "Asia/Seoul", "Europe/Vienna"


def allow(text: str, duration: str, where: str = "UTC", reason: str = "") -> WindowEntry:
    return _entry(allow=text, duration=duration, timeZone=where, reason=reason)


def deny(text: str, duration: str, where: str = "UTC", reason: str = "") -> WindowEntry:
    return _entry(deny=text, duration=duration, timeZone=where, reason=reason)


def _entry(**written: str) -> WindowEntry:
    return WindowEntry.model_validate(written)


def at(text: str, where: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(where)).astimezone(UTC)


def told(found: Sequence[Shut], where: str = "UTC") -> list[str]:
    """`25 01:00 - 25 13:00`, on that wall."""

    def wall(moment: datetime | None) -> str:
        return f"{moment.astimezone(ZoneInfo(where)):%d %H:%M}" if moment else "?"

    return [f"{wall(one.begins)} - {wall(one.ends)}" for one in found]


NIGHTLY = allow("0 22 * * 1-5", "4h", SEOUL, "nightly")
CLOSING = deny("0 0 24 12 *", "240h", SEOUL, "year-end closing")
WEDNESDAY = at("2026-11-25 12:00", SEOUL)


# ---- what is closed --------------------------------------------------------------------------------------------------


def test_without_windows_nothing_is_ever_closed() -> None:
    assert closed((), WEDNESDAY) == ()
    assert shut(Calendar(()), WEDNESDAY, 5.0) == ()


def test_outside_of_every_allow_window_it_is_closed_until_the_next_one() -> None:
    found = closed([NIGHTLY], WEDNESDAY)
    assert told(found[:3], SEOUL) == ["25 12:00 - 25 22:00", "26 02:00 - 26 22:00", "27 02:00 - 27 22:00"]
    assert (found[0].until, found[0].why) == ("2026-11-25 22:00 KST", "outside allow 0 22 * * 1-5 (nightly)")


def test_a_weekend_is_one_closed_time() -> None:
    assert told(closed([NIGHTLY], at("2026-11-27 23:00", SEOUL))[:1], SEOUL) == ["28 02:00 - 30 22:00"]


def test_a_deny_window_closes_while_it_lasts_and_says_why_and_until_when() -> None:
    (found, *_) = closed([CLOSING], WEDNESDAY)
    assert told([found], SEOUL) == ["24 00:00 - 03 00:00"]
    assert (found.why, found.until) == ("deny 0 0 24 12 * (year-end closing)", "2027-01-03 00:00 KST")


def test_deny_wins_over_allow_and_what_adjoins_is_one_time_with_every_reason() -> None:
    (found, *_) = closed([NIGHTLY, CLOSING], at("2026-12-23 23:30", SEOUL))
    assert told([found], SEOUL) == ["24 00:00 - 04 22:00"]
    assert found.why == "deny 0 0 24 12 * (year-end closing); outside allow 0 22 * * 1-5 (nightly)"
    assert found.until == "2027-01-04 22:00 KST"


def test_a_time_that_has_begun_begins_now() -> None:
    assert closed([CLOSING], at("2026-12-28 10:00"))[0].begins == at("2026-12-28 10:00")


def test_a_window_that_began_weeks_ago_still_holds() -> None:
    assert told(closed([deny("0 0 1 6 *", "744h")], at("2026-07-01 23:59"))[:1]) == ["01 23:59 - 02 00:00"]


def test_an_end_that_is_not_within_the_horizon_is_unknown() -> None:
    (found,) = closed([allow("0 0 29 2 *", "1h")], at("2026-03-01 00:00"))
    assert (found.ends, found.until, found.why) == (None, "", "outside every allow window")
    (found,) = closed([CLOSING], at("2026-12-01 00:00"), timedelta(days=30))
    assert found.ends is None


def test_many_windows_are_told_by_three_reasons_and_a_number() -> None:
    busy = [deny("0 0 * * *", f"{hours}h", reason=f"nr {hours}") for hours in range(1, 7)]
    assert closed(busy, at("2026-11-25 00:00"))[0].why.endswith("deny 0 0 * * * (nr 3); 3 more")


# ---- many, and dense -------------------------------------------------------------------------------------------------


def test_every_minute_for_a_minute_is_always_open_or_always_closed() -> None:
    assert closed([allow("* * * * *", "1m", VIENNA)], WEDNESDAY) == ()
    assert told(closed([deny("* * * * *", "1m", VIENNA)], WEDNESDAY)) == ["25 03:00 - ?"]


def test_windows_that_take_turns_leave_no_gap() -> None:
    assert closed([allow("*/2 * * * *", "1m"), allow("1-59/2 * * * *", "1m")], WEDNESDAY) == ()


def test_only_so_many_times_are_kept_however_short_they_are() -> None:
    assert len(closed([deny("* * * * *", "1s")] * 50, WEDNESDAY)) == MOST


def test_a_calendar_knows_what_is_closed_now_and_next_however_far_time_goes() -> None:
    windows = (deny("*/7 * * * *", "90s"), allow("3-50 * * * *", "1m"))
    calendar, now = Calendar(windows), WEDNESDAY
    for step in (60, 3600, 7, 86400, -7200, 40 * 86400, 1800, 1800, 1800):
        now += timedelta(seconds=step)
        first, fresh = calendar.closed(now)[0], closed(windows, now)[0]
        assert (max(first.begins, now), first.ends) == (fresh.begins, fresh.ends)


def test_a_calendar_looks_ahead_once_and_not_at_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    calendar = Calendar([NIGHTLY, CLOSING])
    calendar.closed(WEDNESDAY)
    monkeypatch.setattr("reconciler.desired.windows.closed", None)
    assert calendar.closed(WEDNESDAY + timedelta(hours=11))[0].begins == at("2026-11-26 02:00", SEOUL)


def test_the_core_reads_them_in_watched_seconds() -> None:
    first, second, *_ = shut(Calendar([NIGHTLY]), WEDNESDAY, 1000.0)
    assert (first.begins, first.ends, first.until) == (0.0, 1000.0 + 10 * 3600, "2026-11-25 22:00 KST")
    assert second.begins == 1000.0 + 14 * 3600
    (endless,) = shut(Calendar([allow("0 0 29 2 *", "1h")]), at("2026-03-01 00:00"), 5.0)
    assert (endless.begins, endless.ends) == (0.0, None)  # closed at whatever second it is asked about


# ---- the clock changes -----------------------------------------------------------------------------------------------


def test_a_window_is_on_the_wall_of_its_zone_in_summer_and_in_winter() -> None:
    found = closed([deny("0 22 * * *", "1h", VIENNA)], at("2026-03-28 12:00"), timedelta(days=2))
    assert told(found) == ["28 21:00 - 28 22:00", "29 20:00 - 29 21:00"]


def test_in_spring_a_window_in_the_hour_that_is_skipped_opens_when_the_clock_has_jumped() -> None:
    """2026-03-29 in Vienna: after 01:59 comes 03:00."""
    found = closed([deny("30 2 * * *", "1h", VIENNA)], at("2026-03-28 12:00"), timedelta(days=2))
    assert told(found, VIENNA) == ["29 03:00 - 29 04:00", "30 02:30 - 30 03:30"]


def test_in_spring_a_duration_is_real_time_so_its_end_is_an_hour_later_on_the_wall() -> None:
    found = closed([deny("0 22 28 3 *", "8h", VIENNA)], at("2026-03-28 12:00"))
    assert told(found[:1], VIENNA) == ["28 22:00 - 29 07:00"]
    assert found[0].until == "2026-03-29 07:00 CEST"


def test_in_autumn_a_window_in_the_hour_that_comes_twice_opens_once() -> None:
    """2026-10-25 in Vienna: after 02:59 comes 02:00."""
    found = closed([deny("30 2 * * *", "15m", VIENNA)], at("2026-10-24 12:00"), timedelta(days=1))
    assert told(found) == ["25 00:30 - 25 00:45"]


def test_in_autumn_a_duration_is_real_time_so_its_end_is_an_hour_earlier_on_the_wall() -> None:
    found = closed([deny("0 22 24 10 *", "8h", VIENNA)], at("2026-10-24 12:00"))
    assert told(found[:1], VIENNA) == ["24 22:00 - 25 05:00"]


def test_every_hour_for_an_hour_has_no_hole_where_a_clock_changes() -> None:
    for start in ("2026-03-28 12:00", "2026-10-24 12:00"):
        assert closed([allow("0 * * * *", "1h", VIENNA)], at(start), timedelta(days=2)) == ()


@pytest.mark.parametrize("where", ["America/Nuuk", "America/Santiago", "Africa/Cairo", "Australia/Lord_Howe"])
def test_where_the_clock_changes_at_midnight_or_by_half_an_hour_no_window_is_lost(where: str) -> None:
    for minute in (0, 30):
        for hour in (0, 23):
            found = closed([deny(f"{minute} {hour} * * *", "1m", where)], at("2026-01-01 00:00"), timedelta(days=400))
            assert len(found) == MOST
            begins = [one.begins for one in found]
            for start in ("2026-03-01", "2026-09-01", "2026-10-20"):
                found = closed([deny(f"{minute} {hour} * * *", "1m", where)], at(f"{start} 12:00"))
                begins = [one.begins for one in found]
                apart = {after - before for before, after in pairwise(begins)}
                assert apart <= {timedelta(days=1) + timedelta(minutes=30 * more) for more in range(-2, 3)}


# ---- against an oracle that knows no shortcut ------------------------------------------------------------------------


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    one = st.integers(low, high).map(str)
    span = st.tuples(st.integers(low, high), st.integers(low, high)).map(lambda two: f"{min(two)}-{max(two)}")
    step = st.integers(1, 7).map(lambda number: f"{low}-{high}/{number}")
    listed = st.lists(one | span, min_size=2, max_size=3).map(",".join)
    return st.just("*") | one | span | step | listed


CRONS = st.tuples(numbers(0, 59), numbers(0, 23), st.just("*") | numbers(1, 28), st.just("*"), numbers(0, 6)).map(
    " ".join
)
ENTRIES = st.builds(
    lambda word, cron, minutes, where: _entry(**{word: cron, "duration": f"{minutes}m", "timeZone": where}),
    st.sampled_from(["allow", "deny"]),
    CRONS,
    st.sampled_from([1, 2, 7, 30, 60, 61, 240, 600]),
    st.sampled_from(["UTC", SEOUL, "Asia/Kolkata"]),
)
MINUTE = timedelta(minutes=1)
DAYS, LONG = 2, 600  # minutes


def matching(field: str) -> set[int]:
    """The values that a field of cron means. Written anew, to be compared with the library."""
    found = set[int]()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = ("0-59" if span == "*" else span).partition("-")
        found |= set(range(int(low), int(high or low) + 1, int(step or 1)))
    return found


def opened(entry: WindowEntry, now: datetime) -> list[bool]:
    """For every minute from `now` on: has it come within its duration?"""
    where, last, found = ZoneInfo(entry.time_zone), -LONG - LONG, list[bool]()
    fields = (entry.allow or entry.deny or "").split()
    minutes, hours, days, _, weekdays = (matching(field) for field in fields)
    both = all if "*" in (fields[2], fields[4]) else any
    for minute in range(-LONG, DAYS * 1440):
        wall = (now + timedelta(minutes=minute)).astimezone(where)
        on = wall.minute in minutes and wall.hour in hours
        if on and both((wall.day in days, wall.isoweekday() % 7 in weekdays)):
            last = minute
        found.append(minute - last < entry.duration // 60)
    return found[LONG:]


@settings(max_examples=60)
@given(st.lists(ENTRIES, min_size=1, max_size=3), st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1)))
def test_every_minute_is_closed_exactly_when_a_naive_reading_says_so(
    entries: list[WindowEntry], when: datetime
) -> None:
    now = when.replace(second=0, microsecond=0, tzinfo=UTC)
    found = closed(entries, now, timedelta(days=DAYS))
    allows = [opened(entry, now) for entry in entries if entry.allow]
    denies = [opened(entry, now) for entry in entries if entry.deny]
    known = found[-1].begins if len(found) == MOST else now + timedelta(days=DAYS)
    minutes = range(int((known - now).total_seconds() // 60))
    wanted = [any(one[at] for one in denies) or (bool(allows) and not any(one[at] for one in allows)) for at in minutes]
    ends = [((one.begins - now) // MINUTE, ((one.ends or known) - now) // MINUTE) for one in found]
    shut_then = {minute for begins, end in ends for minute in range(begins, end)}
    assert [minute in shut_then for minute in minutes] == wanted
    assert all(one.ends is not None and one.ends < after.begins for one, after in pairwise(found))


@settings(max_examples=25)
@given(
    CRONS,
    st.sampled_from([VIENNA, "America/Nuuk", "America/Santiago"]),
    st.sampled_from(["2026-01-05", "2026-03-28", "2026-04-04", "2026-09-05", "2026-10-03", "2026-10-24"]),
)
def test_through_every_change_of_the_clock_the_times_are_those_that_the_library_finds(
    cron: str, where: str, day: str
) -> None:
    begins, ends = at(f"{day} 00:00"), at(f"{day} 00:00") + timedelta(days=3)
    found = [span[0] for span in Cron(cron, ZoneInfo(where), timedelta(seconds=1)).spans(begins, ends)]
    walk = (
        moment.astimezone(UTC) for moment in CronSim(cron, (begins - timedelta(seconds=1)).astimezone(ZoneInfo(where)))
    )
    assert list(dict.fromkeys(found)) == list(dict.fromkeys(takewhile(lambda moment: moment < ends, walk)))


def test_after_a_change_by_half_an_hour_midnight_is_midnight() -> None:
    """Lord Howe puts its clocks back by 30 minutes. Who walks on from the day before, as the library does when it is
    begun there, comes half an hour late into the next one."""
    there = ZoneInfo("Australia/Lord_Howe")
    spans = list(Cron("* 0 * * *", there, MINUTE).spans(at("2026-04-05 13:00"), at("2026-04-05 16:00")))
    assert spans == [(at("2026-04-05 13:30"), at("2026-04-05 14:30"))]
    assert at("2026-04-05 13:30").astimezone(there).strftime("%d %H:%M") == "06 00:00"


# ---- what is refused -------------------------------------------------------------------------------------------------


def refusal(read: Callable[[], object]) -> str:
    try:
        read()
    except Refused as error:
        return str(error)
    return ""


@settings(max_examples=100)
@given(st.text(alphabet="0123456789*/,-#LWlwMONjan ?@²", max_size=120) | st.text(max_size=120))
def test_whatever_is_written_is_a_time_or_is_refused_in_a_sentence(text: str) -> None:
    said = refusal(lambda: Cron(text, UTC, timedelta(minutes=1)))
    assert "write `0 22 * * 1-5`" in said if said else len(text.split()) == len(FIELDS)


@given(st.text(max_size=70))
def test_whatever_a_zone_is_called_it_is_known_or_refused(name: str) -> None:
    said = refusal(lambda: zone(name))
    assert "unknown time zone" in said if said else zone(name)


def test_utc_is_known_where_no_time_zones_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.desired.cron.available_timezones", lambda: set[str]())
    assert zone("UTC") is UTC
    with pytest.raises(Refused, match="this machine has none but UTC: install tzdata"):
        zone("Mars/Base")


def test_the_horizon_is_more_than_a_year() -> None:
    """So that a freeze that comes once a year always has its end."""
    assert timedelta(days=366 + 31) < HORIZON
