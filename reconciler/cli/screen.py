"""How things look on a screen: plain when piped, tables and colours on a terminal."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from reconciler.core.model import Analysis, HandOver, Pause, SetWeight, StrategyStep, Weights
from reconciler.core.preview import Planned, Preview
from reconciler.core.steps import (
    Accepted,
    Act,
    Adopted,
    Applied,
    Began,
    Bootstrapped,
    CloseGateway,
    DriftFound,
    Ended,
    Event,
    HealthNoted,
    HoldBegan,
    Intended,
    PausedByRule,
    Rebound,
    Requested,
    Retired,
    RollbackBegan,
    RollbackRefused,
    Route,
    StageFiles,
    StagePassed,
    Start,
    StepPassed,
    Stop,
    Warm,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


@cache
def console(stderr: bool = False) -> Console:
    """Rich decides by itself: colour and width on a terminal, plain text into a pipe."""
    from rich.console import Console

    found = Console(stderr=stderr, soft_wrap=True)
    return found if found.is_terminal else Console(stderr=stderr, soft_wrap=True, width=200, color_system=None)


def duration(seconds: float) -> str:
    """`95.0` -> `1m35s`; under ten seconds with one decimal."""
    if seconds < 10:
        return f"{seconds:.1f}s".replace(".0s", "s")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "m"), (rest, "s")]
    return "".join(f"{value}{unit}" for value, unit in parts if value) or "0s"


def weights(found: Weights | None) -> str:
    return f"blue {found.blue} %, green {found.green} %" if found else "unknown"


def describe(what: Act | Event | StrategyStep) -> str:
    """One line for people, for every act and event there is."""
    match what:
        case StageFiles(slot, version):
            return f"stage the files of {version} in {slot}"
        case Start(slot, version, members):
            return f"start {', '.join(members)} {version} in {slot}"
        case Stop(slot, members):
            return f"stop {', '.join(members)} in {slot}"
        case Warm(slot, version):
            return f"warm {slot} up, see {version} answer"
        case Route(_, after):
            return f"weights: {weights(after.weights)}"
        case CloseGateway():
            return "close the gateway's listener"
        case Intended(act, rule):
            return f"intent ({rule}): {describe(act)}"
        case Applied(result, reason):
            return f"outcome: {result}{' - ' + reason if reason else ''}"
        case Accepted(digest, revision):
            return f"desired state {digest[:12]} of {revision[:12]} is in force"
        case Bootstrapped(stable) | Adopted(stable):
            return f"{stable} is stable"
        case Began(transition, stable, newcomer):
            return f"transition {transition}: {stable} -> {newcomer}"
        case Ended(phase, reason):
            return f"{phase}{': ' + reason if reason else ''}"
        case RollbackBegan(_, condition, reason):
            return f"going back ({condition}): {reason}"
        case StagePassed(stage, evidence):
            return f"{stage} passed{': ' + evidence if evidence else ''}"
        case StepPassed(cursor, evidence, handed):
            owners = f"{', '.join(handed)} handed over" if handed else f"step {cursor + 1} passed"
            return f"{owners}{': ' + evidence if evidence else ''}"
        case Requested(verb, reason=reason):
            return f"asked: {verb}{' - ' + reason if reason else ''}"
        case DriftFound(expected, found):
            return f"drift: found {weights(found)}, expected {weights(expected)}"
        case HealthNoted(ready, reason):
            return "the newcomer is ready again" if ready else f"the newcomer is not ready: {reason}"
        case PausedByRule(reason) | HoldBegan(reason) | RollbackRefused(reason):
            return f"{type(what).__name__}: {reason}"
        case Rebound(_, revision):
            return f"policy changed at {revision[:12]}: same weight, new window"
        case Retired(slot):
            return f"{slot} is retired"
        case SetWeight(weight):
            return f"set weight {weight} %"
        case Pause(seconds):
            return f"pause {duration(seconds)}" if seconds is not None else "pause until promote"
        case Analysis(at_most):
            return f"analysis, at most {duration(at_most)}"
        case HandOver(members):
            return f"hand over {', '.join(members)}"
        case _:
            return type(what).__name__


def steps_table(road: Preview) -> Table:
    """Every step with its time from now, weight and gates."""
    from rich.table import Table

    table = Table("after", "step", "weight", "gates", "why", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for planned in road.steps:
        table.add_row(*_row(planned), style=None if _acts(planned) else "dim")
    return table


def _acts(planned: Planned) -> bool:
    return isinstance(planned.what, StageFiles | Start | Stop | Warm | Route | CloseGateway)


def _row(planned: Planned) -> tuple[str, str, str, str, str]:
    weight = f"{planned.weight} %" if planned.weight is not None else ""
    why = planned.because if planned.because and planned.because not in describe(planned.what) else planned.rule
    return f"+{duration(planned.after)}", describe(planned.what), weight, ", ".join(planned.gates), why
