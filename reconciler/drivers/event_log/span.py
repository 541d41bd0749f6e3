"""What stands in event logs from a mark on, as far as it was read: a value, which a look at the logs carries on.

By record ids, each once: a look begins behind the record at which the one before it ended. Whether anything was lost
in between is proved by that record: it is still there, or the oldest that is there is the next one. Otherwise the log
has wrapped, or was cleared, and that is said for ever after: what nobody has seen cannot be vouched for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.drivers.event_log.scripts import Group, Marked, Place, Stand

KINDS = 100  # kinds of records that are told apart; more are counted
LOSSES = 5  # that are told
WARNING = 3  # Windows' own number of that level; below: errors

Kind = tuple[bool, str, int]  # an error? by which source, under which id
Wanted = Callable[[Group], bool | None]  # None: it is none of ours; False: it is known, and does not count


@dataclass(frozen=True, slots=True)
class Told:
    """So many records of a kind; where the first one is."""

    times: int
    log: str
    record: int
    at: str


@dataclass(frozen=True, slots=True)
class Span:
    places: Mapping[str, Place]
    told: Mapping[Kind, Told] = field(default_factory=dict)
    errors: int = 0
    warnings: int = 0
    known: int = 0
    records: int = 0  # of every level
    lost: tuple[str, ...] = ()  # why some were seen by nobody
    behind: int = 0  # records that are there, and were not read yet

    @staticmethod
    def at(mark: Marked) -> Span:
        return Span(mark.logs)

    @property
    def after(self) -> Mapping[str, int]:
        """By log, the record behind which the next look begins."""
        return {log: place.record for log, place in self.places.items()}

    def carried_on(self, found: Iterable[Stand], wanted: Wanted) -> Span:
        """After another look. `found` was asked for behind `after`."""
        span = replace(self, behind=0)
        for stand in found:
            span = span._with(stand, wanted)
        return span

    def _with(self, stand: Stand, wanted: Wanted) -> Span:
        before = self.places[stand.log]
        loss, anew = broken(before, stand)
        lost = (*self.lost, loss)[:LOSSES] if loss and loss not in self.lost else self.lost
        if anew:  # what comes behind an old number is no answer: from the beginning, at the next look
            begin = Place(record=0, created=stand.created)
            return replace(self, places={**self.places, stand.log: begin}, lost=lost, behind=self.behind + stand.newest)
        here = before
        if stand.upto > before.record:
            here = Place(record=stand.upto, written=stand.written, created=stand.created)
        span = replace(
            self,
            places={**self.places, stand.log: here},
            lost=lost,
            behind=self.behind + max(0, stand.newest - here.record),
            records=self.records + _passed(before, stand),
        )
        for group in stand.groups:
            span = span._counted(group, stand.log, wanted(group))
        return span

    def _counted(self, group: Group, log: str, counts: bool | None) -> Span:
        if not counts:
            return self if counts is None else replace(self, known=self.known + group.times)
        error = group.level < WARNING
        kind: Kind = error, group.source, group.id
        told = self.told
        if (one := told.get(kind)) is not None:
            told = {**told, kind: replace(one, times=one.times + group.times)}
        elif len(told) < KINDS:
            told = {**told, kind: Told(group.times, log, group.record, group.at)}
        errors = self.errors + (group.times if error else 0)
        return replace(self, told=told, errors=errors, warnings=self.warnings + (0 if error else group.times))


def _passed(before: Place, stand: Stand) -> int:
    """How many records a look went over; in a log that was empty, from its oldest one on."""
    begin = before.record if before.record else max(0, stand.oldest - 1)
    return max(0, stand.upto - begin)


def broken(before: Place, stand: Stand) -> tuple[str, bool]:
    """Why records may have been seen by nobody since `before`, empty where none can have been; and whether the log's
    numbers began again."""
    log, last = stand.log, before.record
    if not last:
        return _since_empty(before, stand), False
    if stand.anchor:
        same = stand.anchor == before.written
        return ("", False) if same else (f"{log} was cleared: its record {last} is another one now", True)
    if stand.empty:
        return f"{log} was cleared: it is empty, and whatever came after record {last} is gone", False
    if stand.created != before.created:
        return f"{log} was made anew after its record {last} was read", True
    if stand.newest < last:
        return f"{log} was cleared: record {last} was read, and the newest is {stand.newest} now", True
    if stand.oldest == last + 1:
        return "", False
    if stand.oldest > last + 1:
        lost = stand.oldest - last - 1
        which = f"records {last + 1} to {stand.oldest - 1}" if lost > 1 else f"record {last + 1}"
        return f"{which} of {log} ({lost}) may have been overwritten or cleared before anybody read them", False
    return f"record {last} of {log}, which was read, is not there any more", False


def _since_empty(before: Place, stand: Stand) -> str:
    """Whatever is in it now came later, and was the first if it has the first number."""
    if stand.created != before.created:
        return f"{stand.log} was made anew, and what was in it before is gone"
    if stand.empty or stand.oldest == 1:
        return ""
    return f"{stand.log} was empty, and its oldest record is {stand.oldest} now: what came before that, nobody knows"
