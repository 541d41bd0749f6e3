"""The rules of the recovery point: the data are saved before anything of the newcomer touches them, and never after.

Taking one changes nothing, so it may be repeated: an unknown outcome is found out by taking it again, which looks at
the archives first. Without a recovery point where one is asked for nothing goes on: that is a failure, like a gate's.
Where a restore is rehearsed the one just taken is put back beside, and that is all there is to the way out.
"""

from __future__ import annotations

from reconciler.core.drilling import last_trial
from reconciler.core.events import RestoreTried, SnapshotTaken
from reconciler.core.gates import pending
from reconciler.core.migrating import allowed, files
from reconciler.core.model import DrillKind
from reconciler.core.reading import SnapshotReading, SnapshotStatus, Trial
from reconciler.core.situation import Answer, Do, Record, Situation, Wait
from reconciler.core.state import Transition
from reconciler.core.steps import TakeSnapshot, TryRestore


def take_snapshot(s: Situation) -> Answer | None:
    """The data are saved once files and gates are good, and before they are migrated or the newcomer starts."""
    t = s.transition
    if t is None or not unsafe(s, t):
        return None
    return files(s, t) or (allowed(s, t) if pending(t) else None) or _taken(s, t)


def unsafe(s: Situation, t: Transition) -> bool:
    """A recovery point is asked for, and there is none of just this. Once the newcomer was at the data it is too late
    for another one: the earlier counts."""
    wanted, early = s.spec.snapshot, not (t.going_back or t.rung or t.begun)
    return wanted is not None and early and (t.saved is None or t.saved.snapshot != wanted)


def _taken(s: Situation, t: Transition) -> Answer:
    found, wanted = _about(s, t), s.spec.snapshot
    assert wanted is not None
    if found and found.status is SnapshotStatus.RUNNING:
        return Wait("TakingSnapshot", found.detail)
    if found and found.status is SnapshotStatus.TAKEN:
        return Record(SnapshotTaken(found.name, found.digest, found.size, wanted, found.detail))
    act = TakeSnapshot(t.newcomer.slot, t.newcomer.version, t.id, wanted, t.drill)
    return Do(act, f"a recovery point before {t.newcomer} touches the data")


def _about(s: Situation, t: Transition) -> SnapshotReading | None:
    """What can be read now of the one that is asked for."""
    found = s.observed.snapshot
    return found if (found.transition, found.snapshot) == (t.id, s.spec.snapshot) else None


def unsaved(s: Situation, t: Transition) -> tuple[str, str] | None:
    """It was tried, and there is none: why, as (condition, sentence)."""
    found = _about(s, t)
    failed = t.saving and unsafe(s, t) and found is not None and found.status is SnapshotStatus.FAILED
    return ("SnapshotFailed", found.detail) if found and failed else None


# ---- in a drill of it ------------------------------------------------------------------------------------------------


def try_restore(s: Situation) -> Answer | None:
    """The recovery point that was just taken is put back beside, and compared; the newcomer is never brought up."""
    t = s.transition
    if t is None or t.going_back or not rehearses(t):
        return None
    if t.saved is None:
        return Wait("TryingRestore", "there is no recovery point yet")
    found = _about(s, t)
    if found and found.status is SnapshotStatus.TRYING:
        return Wait("TryingRestore", found.detail)
    if found and found.status is SnapshotStatus.TRIED:
        trial = found.trial or Trial()
        return Record(RestoreTried(t.saved.name, t.saved.digest, trial, last_trial(s.state), found.detail))
    act = TryRestore(t.newcomer.slot, t.newcomer.version, t.id, t.saved.snapshot, t.saved.name, t.saved.digest)
    return Do(act, "put the recovery point back beside, and compare every file: this is what is rehearsed")


def rehearses(t: Transition) -> bool:
    """All that is left to it is that its recovery point is put back beside."""
    return t.drill is DrillKind.RESTORE and t.trial is None


def untried(s: Situation, t: Transition) -> tuple[str, str] | None:
    """It was put back beside, and that did not work, or what came back is not what was saved."""
    if not rehearses(t):
        return None
    if s.spec.snapshot is None:
        return "RestoreFailed", "the manifest asks for no recovery point, so there is nothing to put back"
    found = _about(s, t)
    failed = t.saving and t.saved is not None and found is not None and found.status is SnapshotStatus.FAILED
    return ("RestoreFailed", found.detail) if found and failed else None
