"""Which entry of a transition's slice belongs to which stage of it, for whoever tells it stage by stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from reconciler.core.events import (
    Admitted,
    Applied,
    ApprovalAsked,
    ApprovalVoided,
    Approved,
    Began,
    Ended,
    Event,
    Intended,
    LetGo,
    Migrated,
    MigrationNoted,
    Phase,
    Rebound,
    RollbackBegan,
    SoakBegan,
    StagePassed,
    StepPassed,
)
from reconciler.core.model import SetWeight, Slot, Stage, StrategyStep
from reconciler.core.steps import Act, Migrate, Route, StageFiles, Start, Stop, Warm
from reconciler.journal.entry import Entry


class Chapter(StrEnum):
    """In the order in which they are told."""

    PREFLIGHT = "preflight"
    MIGRATE = "migrate"
    SHIFT = "shift"
    HAND_OVER = "handOver"
    POSTFLIGHT = "postflight"
    SOAK = "soak"
    FINALISE = "finalise"
    ROLLBACK = "rollback"


ASKING = ApprovalAsked | Approved | ApprovalVoided | Admitted
GATES: Mapping[Chapter, tuple[Stage, ...]] = {  # whose gates are asked in it
    Chapter.PREFLIGHT: (Stage.PREFLIGHT,),
    Chapter.MIGRATE: (Stage.MIGRATE,),
    Chapter.SHIFT: (Stage.SHIFT,),
    Chapter.HAND_OVER: (Stage.HAND_OVER,),
    Chapter.POSTFLIGHT: (Stage.POSTFLIGHT,),
}


def chapters(entries: Sequence[Entry]) -> dict[Chapter, list[Entry]]:
    """Only those that happened, in the order of `Chapter`. `entries[0]` is the one by which the transition began."""
    began = entries[0].event
    assert isinstance(began, Began)
    reader = _Reader(began.newcomer.slot, began.steps)
    found: dict[Chapter, list[Entry]] = {}
    for entry in entries:
        found.setdefault(reader.take(entry.event), []).append(entry)
    return {chapter: found[chapter] for chapter in Chapter if chapter in found}


class _Reader:
    def __init__(self, newcomer: Slot, steps: Sequence[StrategyStep]) -> None:
        self._newcomer, self._steps = newcomer, steps
        self._now = Chapter.PREFLIGHT
        self._topped = False  # the strategy's last weight is written

    def take(self, event: Event) -> Chapter:
        """Where it belongs; what says nothing of that belongs to what was going on."""
        if isinstance(event, Rebound):
            self._steps = event.steps
        if self._now is not Chapter.ROLLBACK:
            self._now = self._of(event) or self._now
        here = self._now
        if self._last(event) and here in (Chapter.SHIFT, Chapter.HAND_OVER):
            self._now = Chapter.POSTFLIGHT
        return here

    def _of(self, event: Event) -> Chapter | None:
        match event:
            case Intended(act):
                return self._doing(act)
            case StagePassed(stage) | ApprovalAsked(stage) | Approved(stage) | ApprovalVoided(stage) | Admitted(stage):
                return Chapter(str(stage))
            case MigrationNoted() | Migrated():
                return Chapter.MIGRATE
            case LetGo():
                return Chapter.HAND_OVER
            case StepPassed(handed=handed):
                return Chapter.HAND_OVER if handed else Chapter.SHIFT
            case SoakBegan():
                return Chapter.SOAK
            case RollbackBegan():
                return Chapter.ROLLBACK
            case Ended(Phase.SUCCEEDED):
                return Chapter.FINALISE
        return None

    def _doing(self, act: Act) -> Chapter | None:
        match act:
            case Migrate():
                return Chapter.MIGRATE
            case Start(owner=True) | Stop(owner=True):
                return Chapter.HAND_OVER
            case Route(_, after):
                return Chapter.SHIFT if after.weights[self._newcomer] else None
            case StageFiles() | Start() | Warm():
                return Chapter.PREFLIGHT if self._now is not Chapter.SHIFT else None
        return None

    def _last(self, event: Event) -> bool:
        """The strategy's last step is over."""
        match event:
            case StepPassed(cursor):
                return cursor >= len(self._steps) - 1
            case Intended(Route(_, after)):
                last = self._steps[-1] if self._steps else None
                self._topped = isinstance(last, SetWeight) and after.weights[self._newcomer] == last.weight
                return False
            case Applied():
                return self._topped
        return False
