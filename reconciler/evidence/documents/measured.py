"""Single figures that several documents tell, each from the journal's slice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reconciler.core.events import (
    Event,
    GenerationTaken,
    MovedByHand,
    Phase,
    RestoreTried,
    RollbackBegan,
    SnapshotTaken,
    SoakBegan,
)
from reconciler.evidence.access import moment
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.served import GRAIN
from reconciler.evidence.safety import Safety
from reconciler.journal.entry import Entry

OFTEN = 1.0  # seconds between two records of a gateway that stands as it stood


def soaked(entries: Sequence[Entry]) -> float | None:
    """Seconds at full weight until the next thing that ended or broke it; None: it never began."""
    for number, entry in enumerate(entries):
        if isinstance(entry.event, SoakBegan):
            ends = [one for one in entries[number:] if isinstance(one.event, RollbackBegan)]
            return moment((ends or entries)[0 if ends else -1].at) - moment(entry.at)
    return None


def to_safety(entries: Sequence[Entry]) -> float | None:
    """Seconds as `reconcile kpi` counts them, from when it was found bad; None: it is not on record, or no time was
    needed, as the newcomer had no weight."""
    safety = Safety()
    for entry in entries:
        took = safety.after(entry.event, datetime.fromisoformat(entry.at), entry.elapsed)
        if took is not None:
            return took
    return None


def by_hand(entries: Sequence[Entry]) -> tuple[float, float] | None:
    """Between which moments a person went back with the script: what was on record last before the loop that found it
    began, and when it was found. Seconds since 1970."""
    moved = next((n for n, one in enumerate(entries) if isinstance(one.event, MovedByHand)), None)
    if not moved:
        return None
    before = [one for one in entries[:moved] if not isinstance(one.event, GenerationTaken)]
    return moment(before[-1].at), moment(entries[moved].at)


def rollback(entries: Sequence[Entry]) -> tuple[float, RollbackBegan] | None:
    return next(((moment(one.at), one.event) for one in entries if isinstance(one.event, RollbackBegan)), None)


def turned_back(material: Material) -> bool:
    """It ended otherwise than at its end: what was to come did not."""
    ended = material.steps.ended
    return ended is not None and ended.phase is not Phase.SUCCEEDED


def known_until(material: Material) -> float:
    """Until when the last weights that were read are taken to have held: to the end, where the gateway was read shortly
    before it."""
    last, ended = material.traffic.last or 0.0, moment(material.steps.entries[-1].at)
    return max(last, ended) if ended - last <= GRAIN + OFTEN else last


def snapshots(entries: Sequence[Entry]) -> list[SnapshotTaken]:
    """Recovery points."""
    return [entry.event for entry in entries if isinstance(entry.event, SnapshotTaken)]


def trials(entries: Sequence[Entry]) -> list[RestoreTried]:
    """Recovery points that were put back beside, in a drill."""
    return [entry.event for entry in entries if isinstance(entry.event, RestoreTried)]


def rehearsed(back: RollbackBegan) -> bool:
    """It turned back because that was the drill, and for nothing else."""
    return back.condition == "Drill"


def of(entries: Sequence[Entry], kind: type[Event]) -> list[Entry]:
    return [entry for entry in entries if isinstance(entry.event, kind)]


def span(material: Material) -> tuple[float, float]:
    """When it began and ended; seconds since 1970."""
    return moment(material.steps.entries[0].at), moment(material.steps.entries[-1].at)
