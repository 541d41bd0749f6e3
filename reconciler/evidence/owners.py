"""Who may own what is exclusive, by the journal alone: law 21.

A start as owner makes an owner, whatever became of it, unless it was refused: that changed nothing. An owner is one
until it is asked to stop or to let go. A member that died by itself has no such entry: then whoever starts the other
one must have read that this one owns nothing, and says so where it is on record why; or a person has sworn it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.events import Applied, Intended
from reconciler.core.members import reads
from reconciler.core.model import Slot
from reconciler.core.situation import IDLE
from reconciler.core.steps import Result, Start, Stop
from reconciler.evidence.step import Step

Owners = frozenset[tuple[str, Slot]]  # who may own, and where


def owners(steps: Sequence[Step]) -> Iterator[tuple[int, Step, str]]:
    """(law, where, what): every start of an owner while the other slot's may still be one."""
    owning: Owners = frozenset()
    before = owning  # the open intent
    for step in steps:
        match step.entry.event:
            case Intended(Start(slot, _, names, owner=True)):
                before = owning
                others = {(name, slot.other) for name in names}
                doubtful = {other for other in others & owning if not _idle(step, *other)}
                for name, other in sorted(doubtful):
                    yield 21, step, f"{name} is started in {slot}, and in {other} was neither stopped nor read idle"
                owning = owning - (others - doubtful) | {(name, slot) for name in names}
            case Intended(act):
                before = owning
                if isinstance(act, Stop):
                    owning = owning - {(name, act.slot) for name in act.members}
            case Applied(Result.REFUSED):
                owning = before


def _idle(step: Step, name: str, slot: Slot) -> bool:
    """It was read to own nothing there, or a person has said so."""
    event = step.entry.event
    said = event.reason.split("; ") if isinstance(event, Intended) else []
    return step.before.forced is slot or any(reads(name, slot, status) in said for status in IDLE)
