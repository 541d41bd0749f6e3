"""What happened at which moment, in a word, for lines across all panels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reconciler.core.events import Admitted, ApprovalAsked, Ended, Event, LetGo, RollbackBegan, SoakBegan, StepPassed
from reconciler.evidence.access import moment
from reconciler.evidence.documents.measured import rehearsed
from reconciler.evidence.pack.material import Material


class Mark(NamedTuple):
    at: float  # seconds since 1970
    name: str
    grave: bool = False


def marks(material: Material) -> Iterator[Mark]:
    for shift in material.shifts:
        yield Mark(shift.at, f"{shift.weight} %")
    for entry in material.steps.entries:
        if name := _name(entry.event):
            yield Mark(moment(entry.at), name, _grave(entry.event))


def _grave(event: Event) -> bool:
    return isinstance(event, RollbackBegan) and not rehearsed(event)


def _name(event: Event) -> str:
    match event:
        case ApprovalAsked():
            return "approval asked"
        case Admitted(by=by) if by:
            return "approved"
        case LetGo():
            return "hand-over"
        case StepPassed(handed=handed) if handed:
            return "handed over"
        case SoakBegan():
            return "soak"
        case RollbackBegan():
            return "rollback"
        case Ended(phase):
            return str(phase)
    return ""
