"""Whether the steps that were taken are those that were planned: what the preview said, against the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from reconciler.core.events import (
    Admitted,
    Applied,
    Ended,
    Event,
    Intended,
    LetGo,
    Migrated,
    RollbackBegan,
    SoakBegan,
    StagePassed,
    StepPassed,
)
from reconciler.core.steps import Act, Migrate, Note, PutBack, Result, Start, Stop, TakeSnapshot, TryRestore
from reconciler.wording import describe


def key(what: Act | Event) -> str:
    """What makes a planned step and a taken one the same. Empty for what is no step of a runbook: a fact by the way, or
    what git is told of it afterwards."""
    match what:
        case Intended(act):
            return key(act)
        case PutBack() | Note() | Applied():
            return ""
        case StagePassed(stage):
            return f"{stage} passed"
        case StepPassed(cursor):
            return f"step {cursor + 1} passed"
        case Admitted(stage):
            return f"{stage} approved"
        case Migrated(version):
            return f"the data is migrated for {version}"
        case Ended(phase):
            return str(phase)
        case SoakBegan() | LetGo():
            return describe(what)
        case RollbackBegan(condition=condition):
            return REHEARSED if condition == DRILL else BACK
        case _:
            return describe(what) if isinstance(what, Act) else ""


BACK = "going back"
REHEARSED = "going back, as rehearsed"  # in a drill: a step like others, planned from the beginning
DRILL = "Drill"  # the condition of that
ASKED = Stop | Migrate | TakeSnapshot | TryRestore  # done, they are asked for: a later reading says what came of it


def tries(events: Iterable[Event]) -> Iterator[bool]:
    """For each: is it the step before it, tried again? Only where that was not done, or takes its time; what was done
    and is done once more is another step."""
    first: Act | None = None
    doing: Act | None = None
    unsettled = False
    for event in events:
        again = False
        match event:
            case Intended(doing) if key(doing):
                again = first is not None and unsettled and _within(first, doing)
                first, unsettled = (first if again else doing), True
            case Applied(result) if doing and key(doing):
                unsettled = result is not Result.DONE or isinstance(doing, ASKED)
            case _ if key(event):
                first = None
        yield again


def _within(first: Act, act: Act) -> bool:
    """The same, or the same with fewer members: the others have done it."""
    if key(first) == key(act):
        return True
    if not (isinstance(first, Start | Stop) and isinstance(act, Start | Stop)):
        return False
    return {*act.members} <= {*first.members} and replace(act, members=first.members) == first


@dataclass(frozen=True, slots=True)
class Agreement:
    """`pairs`: for every step that was taken, in order, the number of the planned one, from 1; None: it was not
    planned. `missing`: planned, and passed over. Where it turned back, what was still planned is `unreached`, and what
    was done from there on, `back`, was never a step forward."""

    planned: int
    taken: int
    pairs: tuple[int | None, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    unreached: tuple[str, ...] = ()
    back: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        return not self.missing and not self.extra


def agree(planned: Sequence[str], taken: Sequence[str]) -> Agreement:
    """By keys, in order: the same step at another place is one that is missing there and extra here."""
    turn = taken.index(BACK) if BACK in taken else len(taken)
    forward, back = taken[:turn], tuple(taken[turn:])
    pairs: list[int | None] = [None] * len(taken)
    for found in SequenceMatcher(None, planned, forward, autojunk=False).get_matching_blocks():
        for offset in range(found.size):
            pairs[found.b + offset] = found.a + offset + 1
    met = {pair for pair in pairs if pair}
    reached = max(met, default=0) if back else len(planned)
    missing = tuple(step for number, step in enumerate(planned[:reached], 1) if number not in met)
    extra = tuple(step for pair, step in zip(pairs, forward, strict=False) if pair is None)
    return Agreement(len(planned), len(taken), tuple(pairs), missing, extra, tuple(planned[reached:]), back)
