"""When drills are due, on every wall; and what a manifest may say of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.events import Requested, Verb
from reconciler.core.model import DrillKind, DrillPolicy, Release, Slot
from reconciler.core.state import Drill, State
from reconciler.demo.place import MANIFEST
from reconciler.desired.document import DrillEntry
from reconciler.desired.manifest import Invalid, Manifest, read
from reconciler.desired.timetable import Timetable, agenda, text

MONTHLY = "0 3 1 * *"
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def entry(**written: str) -> DrillEntry:
    return DrillEntry.model_validate(written)


def test_the_latest_and_the_next_are_on_the_wall_of_the_schedule() -> None:
    table = Timetable(MONTHLY, "Asia/Seoul")
    last, following = table.around(NOON)
    assert (text(last), text(following)) == ("2026-10-31T18:00:00+00:00", "2026-11-30T18:00:00+00:00")
    assert table.told(following) == "2026-12-01 03:00 KST"


def test_its_moment_is_the_latest_at_that_very_moment() -> None:
    table = Timetable(MONTHLY, "Asia/Seoul")
    due = table.around(NOON)[1]
    assert due is not None
    assert table.around(due)[0] == due
    assert table.around(due - timedelta(seconds=1))[1] == due


def test_a_day_that_comes_every_four_years_has_a_latest_and_a_next() -> None:
    last, following = Timetable("0 0 29 2 *", "UTC").around(NOON)
    assert (text(last)[:10], text(following)[:10]) == ("2024-02-29", "2028-02-29")


@given(
    st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 3 1 * *", "15 1,23 * * 0", "59 23 31 * *"]),
    st.sampled_from(["UTC", "Europe/Vienna", "Asia/Seoul", "America/St_Johns"]),
    st.integers(0, 3 * 365 * 86400),
)
@settings(max_examples=60, derandomize=True)
def test_nothing_lies_between_the_latest_now_and_the_next(cron: str, where: str, seconds: int) -> None:
    now = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    last, following = Timetable(cron, where).around(now)
    assert last is not None
    assert following is not None
    assert last <= now < following
    ahead = next(CronSim(cron, last.astimezone(ZoneInfo(where)))).astimezone(UTC)
    assert ahead == following


def test_without_a_schedule_nothing_is_due_and_a_drill_has_its_time_all_the_same() -> None:
    found = agenda(None, manifest(), State(), NOON)
    assert (found.schedule, found.due, found.next) == ("", "", "")
    assert (found.now, found.until) == ("2026-11-29T12:00:00+00:00", "2026-11-29T16:00:00+00:00")


def test_what_is_on_has_its_time_and_a_word_has_another() -> None:
    drill = Drill(DrillKind.ROLLBACK, Release(Slot.BLUE, "1"), "d", 0.0, 9.0, until=text(NOON))
    asked = Requested(Verb.DRILL, until=text(NOON))
    for state in (State(drill=drill), State(drill_asked=asked)):
        assert agenda(None, manifest(), state, NOON).over
        assert not agenda(None, manifest(), state, NOON - timedelta(seconds=1)).over
    assert not agenda(None, manifest(), State(), NOON).over


# ---- in a manifest ---------------------------------------------------------------------------------------------------


def written(drill: str) -> Manifest | Invalid:
    pins = {"active": "blue", "blue": "1", "green": "2"}
    text = MANIFEST.format(name="demo", port=9999, drain=3.0, until="successful", gates="", **pins)
    return read(f"{text}  drill: {drill}\n".encode(), "demo.yaml")


def manifest():  # type: ignore[no-untyped-def]
    found = written("{}")
    assert isinstance(found, Manifest), found
    return found.spec


def test_a_manifest_says_when_and_what() -> None:
    found = written('{schedule: "0 3 1 * *", timeZone: Asia/Seoul, kind: rollback, expires: 90m}')
    assert isinstance(found, Manifest), found
    assert found.spec.drill == DrillPolicy(DrillKind.ROLLBACK, 5400.0)
    assert found.drill == entry(schedule=MONTHLY, timeZone="Asia/Seoul", kind="rollback", expires="90m")


def test_a_restore_is_a_kind_where_there_is_a_recovery_point() -> None:
    found = written("{kind: restore}\n  snapshot: {folders: [shared]}")
    assert isinstance(found, Manifest), found
    assert found.spec.drill == DrillPolicy(DrillKind.RESTORE)


def test_that_there_is_none_is_said_at_the_kind() -> None:
    found = written("{kind: restore}")
    assert isinstance(found, Invalid)
    (problem,) = found.problems
    assert (problem.line, problem.column) == (35, 17)
    assert "--kind rollback" in problem.message


@pytest.mark.parametrize(
    ("drill", "said"),
    [
        ('{schedule: "0 3 31 2 *"}', "never comes"),
        ('{schedule: "0 25 * * *"}', "the hour cannot be '25'"),
        ('{schedule: "0 3 1 * *", timeZone: Asia/Soul}', "did you mean 'Asia/Seoul'"),
        ("{timeZone: Asia/Seoul}", "there is no schedule that it could be of"),
        ("{kind: switch}", "switch-and-back"),
        ("{kind: restore}", "its manifest has no `snapshot`, so there is no recovery point to put back"),
        ("{expires: 1s}", "it would be over before it is done"),
        ("{expires: 800h}", "a drill cannot take 800h, expected at most 168h"),
        ("{at: noon}", "unknown key 'at'"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_place(drill: str, said: str) -> None:
    found = written(drill)
    assert isinstance(found, Invalid)
    assert said in str(found), str(found)
    assert "demo.yaml:" in str(found)
