"""What two readings of counters tell, and what they do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Pair
from reconciler.core.reading import Counters, GatewayReading
from reconciler.measure.counters import answering, difference, serving

COUNTERS = st.builds(Counters, *[st.integers(0, 1000)] * 4)


@given(COUNTERS, COUNTERS)
def test_what_was_counted_in_between_is_added(before: Counters, more: Counters) -> None:
    after = Counters(
        before.requests + more.requests, before.errors + more.errors, before.refused + more.refused, more.in_flight
    )
    assert difference(before, after) == more


@pytest.mark.parametrize("field", ["requests", "errors", "refused"])
def test_a_total_that_fell_is_a_reset_and_tells_nothing(field: str) -> None:
    before, after = Counters(**{field: 5}), Counters(**{"requests": 9, "errors": 9, "refused": 9, field: 4})
    assert difference(before, after) is None
    assert answering(before, after) is None


def test_what_was_not_read_tells_nothing() -> None:
    assert difference(None, Counters()) is None
    assert difference(Counters(), None) is None
    assert answering(None, Counters(100)) is None


def test_fewer_requests_in_flight_are_no_reset() -> None:
    assert difference(Counters(5, in_flight=3), Counters(6, in_flight=0)) == Counters(1)


@pytest.mark.parametrize(
    ("requests", "errors", "refused", "expected"),
    [
        (0, 0, 0, None),  # nobody asked
        (10, 0, 0, True),
        (10, 5, 0, True),
        (10, 6, 0, False),
        (10, 0, 6, False),
        (10, 5, 5, True),  # the same five, counted twice
        (0, 0, 3, False),  # nobody got in
        (0, 1, 0, False),
    ],
)
def test_a_slot_serves_while_at_most_half_goes_wrong(
    requests: int, errors: int, refused: int, expected: bool | None
) -> None:
    assert answering(Counters(7, 7, 7), Counters(7 + requests, 7 + errors, 7 + refused)) is expected


def test_both_slots_are_told_apart_within_one_life_of_the_gateway() -> None:
    before = GatewayReading(True, None, incarnation="a", counters=Pair(Counters(1), Counters(1)))
    after = GatewayReading(True, None, incarnation="a", counters=Pair(Counters(9), Counters(9, 8)))
    assert serving(before, after) == Pair(True, False)
    again = GatewayReading(True, None, incarnation="b", counters=Pair(Counters(9), Counters(9, 8)))
    assert serving(before, again) == serving(None, after) == serving(before, None) == Pair(None, None)
