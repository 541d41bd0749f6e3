"""Few values are not told better than they are."""

from __future__ import annotations

import figures


def test_p95_of_few_values_is_the_largest_and_never_below_the_median() -> None:
    assert figures.p95([3.0, 1.0]) == 3.0
    assert figures.p95([float(number) for number in range(100)]) == 94.0
    assert figures.p95([float(number) for number in range(30)]) == 28.0


def test_a_spread_does_not_depend_on_the_order() -> None:
    assert figures.spread([5, 1, 3]) == figures.spread([1, 3, 5]) == {"median": 3, "p95": 5, "max": 5}


def test_one_value_has_no_standard_error() -> None:
    assert figures.means([2.0]) == {"mean": 2.0, "give_or_take": None, "p95": 2.0}
    assert figures.means([1.0, 3.0])["give_or_take"] == 1.0
