"""When requests are due."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.measure.journey import Schedule

BEGIN = 1000.0


def test_requests_are_due_at_fixed_times_whatever_happens() -> None:
    schedule = Schedule(rate=4.0, begin=BEGIN, patience=2.0)
    taken = [schedule.take(now) for now in (BEGIN, BEGIN, BEGIN + 1.9, BEGIN + 2.0)]
    assert taken == [(0, 1000.0), (1, 1000.25), (2, 1000.5), (3, 1000.75)]


def test_what_is_late_by_more_than_its_timeout_is_not_sent_any_more() -> None:
    schedule = Schedule(rate=10.0, begin=BEGIN, patience=2.0)
    assert schedule.take(BEGIN)[0] == 0
    number, due = schedule.take(BEGIN + 3600)  # the process was stopped for an hour
    assert (number, due) == (35980, BEGIN + 3598)
    assert schedule.take(BEGIN + 3600)[0] == 35981


@given(st.floats(0.1, 300), st.lists(st.floats(0, 5), max_size=50))
def test_no_request_is_taken_twice_and_none_is_too_old(rate: float, waits: list[float]) -> None:
    schedule = Schedule(rate, BEGIN, patience=2.0)
    now, numbers = BEGIN, []
    for wait in waits:
        now += wait
        number, due = schedule.take(now)
        numbers.append(number)
        assert due >= now - 2.0 - 1e-6
    assert numbers == sorted(set(numbers))
