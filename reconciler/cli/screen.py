"""How things look on a screen: plain when piped, tables and colours on a terminal."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from reconciler.core.preview import Planned, Preview
from reconciler.core.steps import CloseGateway, Route, StageFiles, Start, Stop, Warm
from reconciler.wording import describe, duration, weights

if TYPE_CHECKING:
    from rich.console import Console


__all__ = ["console", "describe", "duration", "steps_table", "weights"]


@cache
def console(stderr: bool = False) -> Console:
    """Rich decides by itself: colour and width on a terminal, plain text into a pipe."""
    from rich.console import Console

    found = Console(stderr=stderr, soft_wrap=True)
    return found if found.is_terminal else Console(stderr=stderr, soft_wrap=True, width=200, color_system=None)


def steps_table(road: Preview) -> list[str]:
    """Every step with its time from now, weight and gates. What only goes on record is dim."""
    rows = (_row(planned) for planned in road.steps)
    head, *body = table(("after", "step", "weight", "gates", "why"), rows)
    return [head, *(line if _acts(planned) else paint(line, dim=True) for planned, line in zip(road.steps, body, strict=True))]


def _acts(planned: Planned) -> bool:
    return isinstance(planned.what, StageFiles | Start | Stop | Warm | Route | CloseGateway)


def _row(planned: Planned) -> tuple[str, str, str, str, str]:
    weight = f"{planned.weight} %" if planned.weight is not None else ""
    why = planned.because if planned.because and planned.because not in describe(planned.what) else planned.rule
    return f"+{duration(planned.after)}", describe(planned.what), weight, ", ".join(planned.gates), why
