"""Limits with units: read exactly, or refused."""

from __future__ import annotations

import pytest

from reconciler.drivers.thresholds import Unit, threshold


@pytest.mark.parametrize(
    ("text", "unit", "value", "holds", "breaks"),
    [
        ("<= 60s", Unit.SECONDS, 60.0, 60.0, 60.001),
        ("<= 1.45s", Unit.SECONDS, 1.45, 1.45, 1.4501),
        ("<250ms", Unit.SECONDS, 0.25, 0.2499, 0.25),
        (">= 99.9 %", Unit.PERCENT, 99.9, 99.9, 99.89),
        ("> 0.5%", Unit.PERCENT, 0.5, 0.51, 0.5),
        ("<= 0", Unit.COUNT, 0.0, 0, 1),
        ("  <=   3 ", Unit.COUNT, 3.0, 3, 4),
    ],
)
def test_a_limit_is_read_and_holds_up_to_its_value(
    text: str, unit: Unit, value: float, holds: float, breaks: float
) -> None:
    limit = threshold(text, *Unit)
    assert (limit.unit, limit.value) == (unit, value)
    assert limit.holds(holds)
    assert not limit.holds(breaks)
    assert not limit.holds(float("nan"))


@pytest.mark.parametrize(
    ("text", "units", "says"),
    [
        ("60s", Unit, "is no limit"),
        ("<= ", Unit, "is no limit"),
        ("<= -1", Unit, "is no limit"),
        ("<= 1e9", Unit, "is no limit|is no duration"),
        ("== 1", Unit, "is no limit"),
        ("<= 5 parsecs", Unit, "is no duration"),
        ("<= 60s", [Unit.PERCENT, Unit.COUNT], "unit that does not fit.*percentage.*number"),
        ("<= 1 %", [Unit.SECONDS], "unit that does not fit.*duration"),
        ("<= 5", [Unit.SECONDS], "unit that does not fit"),
        (">= 101 %", Unit, "more than everything"),
        ("< 0", Unit, "never hold"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_with_what_was_expected(text: str, units: list[Unit], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        threshold(text, *units)


def test_a_limit_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValueError, match="wrong way round, expected <="):
        threshold(">= 1", Unit.COUNT, upper=True)
    with pytest.raises(ValueError, match="wrong way round, expected >="):
        threshold("<= 1", Unit.COUNT, upper=False)
