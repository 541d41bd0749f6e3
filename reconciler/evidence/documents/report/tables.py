"""The report's tables that are no lines: failed requests, approvals, and steps planned against steps taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.events import Admitted, Approved, Event, Intended
from reconciler.evidence.access import moment
from reconciler.evidence.documents.chapters import ASKING
from reconciler.evidence.documents.plain import count, printable
from reconciler.evidence.documents.report.said import Moment, Ours, Text, said
from reconciler.evidence.pack import steps
from reconciler.evidence.pack.material import Material
from reconciler.journal.entry import Entry
from reconciler.wording import describe

Cells = tuple[Text, ...]


def failures(material: Material) -> Iterator[Cells]:
    """When, step, road, who answered, and why it counts as failed."""
    for found in material.account.failures:
        told = (printable(found.get(name, "-"), 80) for name in ("step", "road", "slot"))
        yield Moment(float(found["at"]), named=False), *told, _why(found)


def _why(found: Mapping[str, Any]) -> Text:
    return Ours(printable(found.get("error") or f"status {found.get('status', '-')}"))


def approvals(material: Material) -> Iterator[Cells]:
    """When, who, and what."""
    for entry in material.steps.entries:
        if isinstance(entry.event, ASKING):
            yield Moment(moment(entry.at), day=True, named=False), _who(entry), Ours(printable(describe(entry.event)))


def _who(entry: Entry) -> str:
    match entry.event:
        case Approved(by=by):
            return printable(by)
        case Admitted(by=by) if by:
            return ", ".join(map(printable, by))
    return printable(entry.actor)


def agreed(material: Material) -> Iterator[Cells]:
    """The planned number, the step, and when it was taken, in the order in which it came."""
    plan = material.plans[-1] if material.plans else steps.NONE
    planned = [step for step in plan["steps"] if step["key"]]
    at = {entry.seq: entry for entry in material.steps.entries}
    told, turn = 0, len(material.agreement.pairs) - len(material.agreement.back)
    taken = steps.taken(material.steps, material.plans)
    for place, (step, pair) in enumerate(zip(taken, material.agreement.pairs, strict=True)):
        if pair:
            yield from (_missed(number, planned[number - 1]) for number in range(told + 1, pair))
            told = pair
        number: Text = str(pair) if pair else said("wayBack" if place >= turn else "notPlanned")
        first = at[step.seqs[0]]
        yield number, _what(first.event), _when(moment(first.at), len(step.seqs))
    yield from (_missed(number, planned[number - 1]) for number in range(told + 1, len(planned) + 1))


def _when(first: float, tries: int) -> Text:
    at = Moment(first, named=False)
    return (at, said("tries", count=count(tries))) if tries > 1 else at


def _what(event: Event) -> Text:
    return Ours(printable(describe(event.act if isinstance(event, Intended) else event)))


def _missed(number: int, step: Mapping[str, Any]) -> Cells:
    return str(number), Ours(printable(step["what"])), said("notTaken")
