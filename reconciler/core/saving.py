"""The rule of the recovery point: the data are saved before anything of the newcomer touches them, and never after.

Taking one changes nothing, so it may be repeated: an unknown outcome is found out by taking it again, which looks at
the archives first. Without a recovery point where one is asked for nothing goes on: that is a failure, like a gate's.
"""

from __future__ import annotations

from reconciler.core.events import SnapshotTaken
from reconciler.core.gates import pending
from reconciler.core.migrating import allowed, files
from reconciler.core.reading import SnapshotReading, SnapshotStatus
from reconciler.core.situation import Answer, Do, Record, Situation, Wait
from reconciler.core.state import Transition
from reconciler.core.steps import TakeSnapshot


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
    act = TakeSnapshot(t.newcomer.slot, t.newcomer.version, t.id, wanted)
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
