"""What there is to be looked at: every line that is kept, and how each destination stands. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciler.configuration import Configuration
from reconciler.core.events import Judged, StagePassed
from reconciler.core.gates import EARLY
from reconciler.core.model import Outcome
from reconciler.drivers.logs.destination import Destination
from reconciler.drivers.logs.sending import fields
from reconciler.journal.entry import Entry
from reconciler.logs import position
from reconciler.logs.causes import alarming
from reconciler.logs.collector import FOLDER
from reconciler.logs.kept import every_line, next_number
from reconciler.wording import describe

CALM = b'"level": "info"'
JOURNAL = "journal"  # as the logger of what only the journal says


@dataclass(frozen=True, slots=True)
class Standing:
    """How one destination stands; `pending` is None where the loop has not begun with it."""

    name: str
    kind: str
    where: str
    pending: int | None
    sent_at: str
    lost: int
    refused: int
    failure: str
    failed_at: str


def standings(configuration: Configuration) -> list[Standing]:
    folder = configuration.state_dir / FOLDER
    upto = next_number(folder)
    return [_standing(folder, name, found, upto) for name, found in configuration.destinations.items()]


def _standing(folder: Path, name: str, destination: Destination, upto: int) -> Standing:
    kind, where = destination.kind, destination.where
    at = position.read(position.file(folder, name))
    if at is None:
        return Standing(name, kind, where, None, "", 0, 0, "", "")
    pending = max(0, upto - at.place.number) + at.waiting
    return Standing(name, kind, where, pending, at.sent_at, at.lost, at.refused, at.failure, at.failed_at)


def kept_warnings(configuration: Configuration) -> Iterator[dict[str, Any]]:
    """Oldest first. Most lines are none, and are not even read: within a text these quotes would be escaped."""
    return (fields(line) for line in every_line(configuration.state_dir / FOLDER) if CALM not in line)


def warnings_of(entries: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    """What the journal says of gates and steps that were not as they should be, as lines: there it is kept for ever.
    That a gate has seen too little is one only where it lasted: every window begins so. What is passed is good, also
    where that came too soon to be noted."""
    doubts: dict[str, Entry] = {}
    for entry in entries:
        doubt = doubts.pop(entry.environment, None) if isinstance(entry.event, Judged | StagePassed) else None
        if doubt and _seconds(doubt, entry) >= EARLY:
            yield _line(doubt)
        if isinstance(entry.event, Judged) and entry.event.outcome is Outcome.INCONCLUSIVE:
            doubts[entry.environment] = entry
        elif alarming(entry.event):
            yield _line(entry)
    yield from map(_line, doubts.values())


def _seconds(one: Entry, later: Entry) -> float:
    return (datetime.fromisoformat(later.at) - datetime.fromisoformat(one.at)).total_seconds()


def _line(entry: Entry) -> dict[str, Any]:
    said = {"at": entry.at, "level": "warning", "logger": JOURNAL, "event": type(entry.event).__name__}
    return {**said, "environment": entry.environment, "seq": entry.seq, "message": describe(entry.event)}
