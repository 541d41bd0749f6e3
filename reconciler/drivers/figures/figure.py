"""One number that somebody gave us, its unit, and the limit that it is held against."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.core.model import Outcome
from reconciler.core.reading import GateReading, Measure, Window
from reconciler.drivers.protocols import reading
from reconciler.drivers.thresholds import Threshold, Unit, threshold
from reconciler.errors import ReconcilerError, Refused

Time = Literal["ms", "s", "m", "h"]
Scale = Literal["ms", "s", "m", "h", "percent", "ratio"]  # `ratio`: 1 is 100 %
# What a number in a scale is worth in the unit that limits are written in.
WORTH: dict[str | None, tuple[Unit, float]] = {
    "ms": (Unit.SECONDS, 0.001),
    "s": (Unit.SECONDS, 1.0),
    "m": (Unit.SECONDS, 60.0),
    "h": (Unit.SECONDS, 3600.0),
    "percent": (Unit.PERCENT, 1.0),
    "ratio": (Unit.PERCENT, 100.0),
    None: (Unit.COUNT, 1.0),
}
LimitText = Annotated[
    str,
    Field(
        pattern=r"^ *(<=|>=|<|>) *[0-9.]+ *[a-zA-Z%]* *$",
        max_length=60,
        json_schema_extra={"patternErrorMessage": "a limit such as '<= 60s', '>= 99.9 %' or '<= 0'"},
    ),
]


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` None: there was an answer, and it tells nothing; `note` says why. With a value, a note is a doubt."""

    value: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold, and the scale in which the figure comes."""

    threshold: Threshold
    scale: str | None

    @classmethod
    def of(cls, text: str, scale: str | None, *, upper: bool | None = None) -> Limit:
        """Raises ValueError when the limit's unit is not that of the figure."""
        unit, _ = WORTH[scale]
        return cls(threshold(text, unit, upper=upper), scale)

    def measured(self, value: float) -> float:
        return value * WORTH[self.scale][1]

    @property
    def measure(self) -> str:
        """What it is called on a dashboard."""
        return {Unit.SECONDS: "value_seconds", Unit.PERCENT: "value_percent", Unit.COUNT: "value"}[self.threshold.unit]

    def shown(self, measured: float) -> str:
        mark = {Unit.SECONDS: " s", Unit.PERCENT: " %", Unit.COUNT: ""}[self.threshold.unit]
        return f"{measured:.10g}{mark}"


def number(value: object, where: str) -> float:
    """A number that an answer gave. Raises Refused for anything else, above all for nothing."""
    if value is None:
        raise Refused(f"{where} is empty, and that is not 0; let it say 0 where it means none")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"{where} is no number but {type(value).__name__}")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise Refused(f"{where} is {found}, which is no measure")
    return found


def judged(name: str, window: Window, ask: Callable[[], Figure], limit: Limit) -> GateReading:
    """What cannot be asked is Error, what tells nothing is Inconclusive; a doubt keeps it from being Successful."""
    said: dict[str, Any] = {"limit": limit.threshold.text}
    try:
        figure = ask()
    except ReconcilerError as error:
        return reading(window, name, Outcome.ERROR, str(error), **said)
    if figure.value is None:
        return reading(window, name, Outcome.INCONCLUSIVE, figure.note, **said)
    measured = limit.measured(figure.value)
    value = limit.shown(measured)
    said["measures"] = (Measure(limit.measure, measured),)
    doubt = f"; {figure.note}" if figure.note else ""
    if not limit.threshold.holds(measured):
        return reading(window, name, Outcome.FAILED, f"found {value}{doubt}", value=value, samples=1, **said)
    outcome = Outcome.INCONCLUSIVE if doubt else Outcome.SUCCESSFUL
    return reading(window, name, outcome, f"{value} is within the limit{doubt}", value=value, samples=1, **said)
