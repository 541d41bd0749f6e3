"""Drills in words: the one that is on, when the next is due, and how the last went beside the one before it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from reconciler.core.reading import Agenda
from reconciler.core.state import Drilled, State
from reconciler.wording import duration, tried


def drill_lines(state: State, agenda: Agenda) -> str:
    """For `status`; empty where there never was one, nor is to be."""
    told = (_on(state), f"next {agenda.next}" if agenda.next else "", _missed(state), compared(state.drilled))
    return "\n".join(line for line in told if line)


def _on(state: State) -> str:
    drill = state.drill
    if drill is None:
        return ""
    way = "away from home" if drill.stuck else f"on its way {'home' if drill.turned else 'out'}"
    left = duration(max(0.0, drill.expires - state.watched))
    time = "" if drill.turned else f", {left} left"
    return f"{drill.kind} is on, {way}: home is {drill.home}{time}"


def _missed(state: State) -> str:
    return f"missed {state.missed}" if state.missed else ""


def compared(drilled: Sequence[Drilled]) -> str:
    """The last, and what the last of its kind took before it."""
    if not drilled:
        return ""
    last, before = drilled[-1], _before(drilled)
    why = f" ({last.reason})" if last.reason else ""
    return f"last {last.kind} {last.phase}{_when(last)}, {_times(last, before)}{why}"


def _before(drilled: Sequence[Drilled]) -> Drilled | None:
    same = [one for one in drilled if one.kind is drilled[-1].kind]
    return same[-2] if len(same) > 1 else None


def _when(one: Drilled) -> str:
    return f" ({one.at[:16].replace('T', ' ')} UTC)" if one.at else ""


def _times(last: Drilled, before: Drilled | None) -> str:
    whole = f"in {duration(last.took)}{_than(before.took if before else None)}"
    if last.trial:
        return f"{whole}; put back: {tried(last.trial, before.trial if before else None)}"
    if last.safety is None:
        return whole
    return f"{whole}; users were safe in {duration(last.safety)}{_than(before.safety if before else None)}"


def _than(before: float | None) -> str:
    return "" if before is None else f" (before: {duration(before)})"


def as_json(state: State, agenda: Agenda) -> dict[str, Any]:
    return {
        "on": dataclasses.asdict(state.drill) if state.drill else None,
        "schedule": agenda.schedule,
        "next": agenda.next,
        "missed": state.missed,
        "drilled": [dataclasses.asdict(one) for one in state.drilled],
    }
