"""The laws about traffic, checked on what a real run left in its journal."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

from reconciler.core.events import Applied, Began, Ended, Intended, RollbackBegan
from reconciler.core.model import Slot
from reconciler.core.steps import Result, Route
from reconciler.journal.entry import Entry


def assert_lawful(entries: list[Entry], rungs: Collection[int]) -> None:
    _one_outcome_per_intent(entries)
    _every_change_is_signed(entries)
    _only_rungs_with_evidence(entries, rungs)


def changes(entries: list[Entry]) -> list[tuple[int, int]]:
    """Every weight change that was done, as (blue, green)."""
    found: list[tuple[int, int]] = []
    for entry, after in pairwise(entries):
        act = entry.event.act if isinstance(entry.event, Intended) else None
        if isinstance(act, Route) and isinstance(after.event, Applied) and after.event.result is Result.DONE:
            shown = (act.after.weights.blue, act.after.weights.green)
            found += [shown] if shown not in found[-1:] else []
    return found


def _one_outcome_per_intent(entries: list[Entry]) -> None:
    """One intent at a time; each is closed before the next thing is written."""
    open_: Entry | None = None
    for entry in entries:
        if isinstance(entry.event, Intended):
            assert open_ is None, f"entry {entry.seq} intends while {open_ and open_.seq} is open"
            open_ = entry
        elif isinstance(entry.event, Applied):
            assert open_ is not None, f"entry {entry.seq} is an outcome without an intent"
            open_ = None
    done = open_ is None or open_ is entries[-1]  # a loop that runs may be doing it just now
    assert done, f"the intent of entry {open_ and open_.seq} has no outcome"


def _every_change_is_signed(entries: list[Entry]) -> None:
    for entry in entries:
        if isinstance(entry.event, Intended) and isinstance(entry.event.act, Route):
            assert entry.event.rule
            assert entry.event.reason
            assert len(entry.event.revision) == 40, entry
            assert entry.generation > 0


def _only_rungs_with_evidence(entries: list[Entry], rungs: Collection[int]) -> None:
    """The newcomer rises by one rung at a time, each time on a good verdict; on the way back it never does."""
    newcomer: Slot | None = None
    weight, back = 0, False
    for entry in entries:
        match entry.event:
            case Began(newcomer=release):
                newcomer, weight, back = release.slot, 0, bool(entry.event.back)
            case RollbackBegan():
                back = True
            case Ended():
                newcomer = None
            case Intended(Route(_, after), reason=reason) if newcomer:
                wanted = after.weights[newcomer]
                assert wanted in rungs, entry
                assert sum((after.weights.blue, after.weights.green)) == 100
                if wanted > weight:
                    assert not back, f"entry {entry.seq} raises the newcomer on the way back"
                    assert not [rung for rung in rungs if weight < rung < wanted], f"entry {entry.seq} skips a rung"
                    assert "Successful" in reason, f"entry {entry.seq} rises without a good verdict: {reason}"
                    assert not [word for word in ("Failed", "Inconclusive", "Error") if word in reason], entry
                weight = wanted
