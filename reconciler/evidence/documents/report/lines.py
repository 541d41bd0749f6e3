"""The lines of the report: what was asked for, what was measured, the limit, and what follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.core.model import DrillKind
from reconciler.drivers.thresholds import Unit, threshold
from reconciler.evidence.documents.chapters import Chapter, chapters
from reconciler.evidence.documents.measured import turned_back
from reconciler.evidence.documents.plain import printable
from reconciler.evidence.documents.report.said import Ours, Text, said
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.readings import Judgement, figure


class Result(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    NOT_MEASURED = "notMeasured"  # missing data never pass
    NOT_ASKED = "notAsked"  # nobody wanted it measured
    NOT_REACHED = "notReached"  # it turned back before
    NOTED = "noted"  # nothing was asked of it


@dataclass(frozen=True, slots=True)
class Row:
    item: Text
    value: Text
    result: Result
    limit: Text = ""
    note: Text = ""


@dataclass(frozen=True, slots=True)
class Section:
    key: str
    rows: tuple[Row, ...]


WAITING = ("Inconclusive", "Pending", "Running")
OUTCOMES = {"Successful": Result.PASS, "Failed": Result.FAIL}


@dataclass(frozen=True, slots=True)
class Gates:
    """What the plan says of each gate, with what it answered."""

    material: Material

    def planned(self) -> Sequence[dict[str, Any]]:
        return self.material.plans[-1]["gates"] if self.material.plans else []

    def of(self, *kinds: str) -> list[str]:
        return [str(gate["name"]) for gate in self.planned() if gate["kind"] in kinds]

    def at(self, *stages: str) -> list[str]:
        """Those of stages, without those that have lines of their own; of no stage: what no plan names."""
        known = {str(gate["name"]) for gate in self.planned()}
        if not stages:
            return [gate.gate for gate in self.material.gates if gate.gate not in known]
        return [str(one["name"]) for one in self.planned() if one["stage"] in stages and one["kind"] not in TOLD]

    def answer(self, name: str) -> Judgement | None:
        return next((gate for gate in self.material.gates if gate.gate == name), None)

    def observed(self, name: str) -> bool:
        return any(gate["name"] == name and gate["mode"] == "observe" for gate in self.planned())

    def hands_over(self, name: str) -> bool:
        """Is it asked while nobody owns?"""
        return any(gate["name"] == name and gate["stage"] == "handOver" for gate in self.planned())

    def stage(self, name: str) -> str:
        """By the plan; empty: it has no such gate."""
        return next((str(gate["stage"]) for gate in self.planned() if gate["name"] == name), "")

    def rows(self, item: Text, *kinds: str, peak: bool = False) -> Iterator[Row]:
        """One line for each gate of these kinds; without one, a line that says so."""
        names = self.of(*kinds)
        yield from (self.row(item, name, peak=peak) for name in names)
        if not names and self.material.plans:
            why = "notInDrill" if self.material.steps.began.drill else "noGate"
            yield Row(item, said(why, kind=kinds[0]), Result.NOT_ASKED)
        elif not names:
            yield Row(item, said("noPlan"), Result.NOT_MEASURED)

    def others(self, *stages: str) -> Iterator[Row]:
        yield from (self.row(said("row.gate", name=printable(name)), name) for name in self.at(*stages))

    def row(self, item: Text, name: str, *, peak: bool = False) -> Row:
        """`peak`: the greatest value counts, not the last one."""
        found = self.answer(name)
        if found is None and missed(self.material, self.stage(name)):
            return Row(item, said("notReachedBefore"), Result.NOT_REACHED)
        if found is None:
            return Row(item, said("noAnswer", gate=printable(name)), Result.NOT_MEASURED)
        result = OUTCOMES.get(found.outcome, Result.NOT_MEASURED)
        if result is Result.NOT_MEASURED and found.outcome in WAITING and turned_back(self.material):
            result = Result.NOT_REACHED  # nobody waited for it any more
        value: Text = Ours(printable(found.value)) if found.value else said("noValue")
        if peak and found.highest:
            value = said("highest", value=Ours(found.highest))
            result = Result.FAIL if _beyond(found) else result
        return Row(item, value, result, Ours(printable(found.limit)), (*self._doubts(name, found), _reason(found)))

    def _doubts(self, name: str, found: Judgement) -> Iterator[Text]:
        if self.observed(name):
            yield said("observed")
        bad = [(outcome, found.answers.get(outcome, 0)) for outcome in ("Failed", "Error")]
        if found.outcome == "Successful" and any(number for _, number in bad):
            yield said("before", answers=", ".join(f"{outcome}: {number}" for outcome, number in bad if number))


# Kinds with lines of their own.
TOLD = ("migration", "queue-drained", "queue-delay", "windows-event-log", "sessions")


def missed(material: Material, stage: str) -> bool:
    """Did it turn back before this stage began? Empty: no stage is meant. A restore that is rehearsed, and a late
    rollback, bring nothing up that a gate could be asked about."""
    began = material.steps.began
    if not turned_back(material) or stage not in list(Chapter):
        return False
    if began.back or began.drill is DrillKind.RESTORE:
        return True
    order = list(Chapter)
    reached = [order.index(one) for one in chapters(material.steps.entries) if one is not Chapter.ROLLBACK]
    return order.index(Chapter(stage)) > max(reached, default=0)


def _beyond(found: Judgement) -> bool:
    """The greatest value was not within the limit; a limit that is not of ours is not judged by us."""
    try:
        return not threshold(found.limit, *Unit, upper=True).holds(figure(found.highest) or 0.0)
    except ValueError:
        return False


def _reason(found: Judgement) -> Text:
    return said(
        "gateSays", gate=printable(found.gate), outcome=printable(found.outcome), reason=printable(found.reason)
    )
