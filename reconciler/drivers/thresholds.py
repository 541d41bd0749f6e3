"""Limits as people write them: `<= 60s`, `>= 99.9 %`, `<= 0`. A unit that does not fit is refused, never guessed."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from reconciler.durations import seconds


class Unit(StrEnum):
    """What a limit measures; the value of a threshold is in seconds, in percent, or a plain number."""

    SECONDS = "a duration, e.g. 1.45s"
    PERCENT = "a percentage, e.g. 1 %"
    COUNT = "a plain number, e.g. 0"


COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}
_PARTS = re.compile(r"(<=|>=|<|>) *([0-9]{1,12}(?:\.[0-9]{1,6})?) *([a-zA-Z%]*)")


@dataclass(frozen=True, slots=True)
class Threshold:
    comparison: str
    value: float
    unit: Unit
    text: str  # as it was written, for people

    def holds(self, measured: float) -> bool:
        """NaN holds nothing."""
        return COMPARISONS[self.comparison](measured, self.value)


def threshold(text: str, *units: Unit, upper: bool | None = None) -> Threshold:
    """Read a limit in one of `units`. `upper`: True admits only `<=` and `<`, False only `>=` and `>`.
    Raises ValueError, fit for an operator's eyes."""
    parts = _PARTS.fullmatch(text.strip())
    if parts is None:
        raise ValueError(f"'{text}' is no limit, expected a comparison and {' or '.join(units)}")
    comparison, number, suffix = parts.groups()
    if upper is not None and comparison.startswith("<") is not upper:
        raise ValueError(f"'{text}' is the wrong way round, expected {'<= or <' if upper else '>= or >'}")
    unit = Unit.COUNT if not suffix else Unit.PERCENT if suffix == "%" else Unit.SECONDS
    value = seconds(number + suffix) if unit is Unit.SECONDS else float(number)
    if unit not in units:
        raise ValueError(f"'{text}' has a unit that does not fit here, expected {' or '.join(units)}")
    if unit is Unit.PERCENT and value > 100:
        raise ValueError(f"'{text}' is more than everything, expected at most 100 %")
    if comparison == "<" and value == 0:
        raise ValueError(f"'{text}' can never hold; '<= 0' means none at all")
    return Threshold(comparison, value, unit, text.strip())
