"""How things look on a screen: plain when piped, tables and colours on a terminal."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from reconciler.cli.layout import WIDE, WIDEST, cut, paint, table
from reconciler.core.events import StepPassed
from reconciler.core.model import Spec
from reconciler.core.preview import Planned, Preview
from reconciler.core.steps import CloseGateway, Migrate, Route, StageFiles, Start, Stop, TakeSnapshot, TryRestore, Warm
from reconciler.wording import describe, duration

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = StageFiles | TakeSnapshot | TryRestore | Migrate | Start | Stop | Warm | Route | CloseGateway


@cache
def console(stderr: bool = False) -> Console:
    """Rich decides by itself: colour and width on a terminal, plain text into a pipe."""
    from rich.console import Console

    found = Console(stderr=stderr, soft_wrap=True)
    return found if found.is_terminal else Console(stderr=stderr, soft_wrap=True, width=200, color_system=None)


def steps_table(road: Preview, spec: Spec | None) -> list[str]:
    """Every step with its time from now, weight and gates. What only goes on record is dim. Why is shortened where it
    is long: `--output json` has it whole."""
    rows = (_row(planned, spec) for planned in road.steps)
    head, *body = (cut(line, WIDE) for line in table(("after", "step", "weight", "gates", "why"), rows))
    planned = zip(road.steps, body, strict=True)
    return [head, *(line if _acts(step) else paint(line, dim=True) for step, line in planned)]


def _acts(planned: Planned) -> bool:
    return isinstance(planned.what, SHOWN)


def _row(planned: Planned, spec: Spec | None) -> tuple[str, str, str, str, str]:
    """A long step is told in two: what stands behind its colon is no reason, but goes last, where nothing is beside."""
    weight = f"{planned.weight} %" if planned.weight is not None else ""
    what, why = _what(planned, spec), ""
    if len(what) > WIDEST:
        what, _, why = what.partition(": ")
    return f"+{duration(planned.after)}", what, weight, ", ".join(planned.gates), why or _why(planned, what)


def _what(planned: Planned, spec: Spec | None) -> str:
    """A step of the strategy by what it says, not by its number."""
    what = planned.what
    if isinstance(what, StepPassed) and not what.handed and spec and what.cursor < len(spec.steps):
        return f"{describe(spec.steps[what.cursor])}: passed"
    return describe(what)


def _why(planned: Planned, what: str) -> str:
    """Nothing where the step says it itself: `start web in blue` for `start web 1.0.0 in blue`."""
    said = set(what.replace("@", " ").split())
    return "" if set(planned.because.replace("@", " ").split()) <= said else planned.because
