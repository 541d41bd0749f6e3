"""What somebody should look at though nothing was decided by it: warnings, by cause, with how often each came up, so
that the sensitivity of alerts can be tuned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.core.events import (
    Applied,
    DriftFound,
    Event,
    Froze,
    HealthNoted,
    HoldBegan,
    PausedByRule,
    RequestRefused,
)
from reconciler.core.model import Mode
from reconciler.core.steps import Result
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.readings import BAD, without_numbers
from reconciler.evidence.pack.steps import taken
from reconciler.wording import describe

LISTS = "windows-event-log"  # the kind of gate that counts warnings by source and id
JUDGED = ("Successful", "Failed")  # it has looked
NOTABLE = DriftFound | Froze | HoldBegan | PausedByRule | RequestRefused


@dataclass(frozen=True, slots=True)
class Cause:
    """`source`: a gate's name, `journal`, `gateway` or `recorder`. `text`: the first that was said of it. `count`: 0
    for a text that itself names each kind, and how often it came."""

    source: str
    text: str
    count: int


def causes(material: Material) -> tuple[Cause, ...]:
    """The most frequent of each source first."""
    grouped: dict[tuple[str, str], Cause] = {}
    for found in (*_gates(material), *_journal(material), *_records(material)):
        name = found.source, without_numbers(found.text)
        before = grouped.get(name)
        grouped[name] = Cause(found.source, before.text, before.count + found.count) if before else found
    return tuple(sorted(grouped.values(), key=lambda one: (one.source, -one.count)))


def _gates(material: Material) -> Iterator[Cause]:
    """What an event log's gate says at the end holds all warnings since the mark; its alerts name their kinds only."""
    planned = [gate for plan in material.plans for gate in plan["gates"]]
    listing = {str(gate["name"]) for gate in planned if gate["kind"] == LISTS}
    watched = {str(gate["name"]) for gate in planned if gate["mode"] == Mode.OBSERVE}
    for gate in material.gates:
        if gate.gate in listing and gate.alerts and gate.outcome in JUDGED:
            yield Cause(gate.gate, gate.reason, 0)
        else:
            yield from (Cause(gate.gate, text, count) for text, count in gate.alerts.items())
        bad = sum(gate.answers.get(outcome, 0) for outcome in BAD)
        if gate.gate in watched and bad:
            yield Cause(gate.gate, gate.worst_reason, bad)


def _journal(material: Material) -> Iterator[Cause]:
    for entry in material.steps.entries:
        if _notable(entry.event):
            yield Cause("journal", describe(entry.event), 1)
    for step in taken(material.steps, material.plans):
        if len(step.seqs) > 1:
            yield Cause("journal", f"tried again: {step.key}", len(step.seqs) - 1)


def _notable(event: Event) -> bool:
    match event:
        case Applied(result):
            return result is not Result.DONE
        case HealthNoted(ready):
            return not ready
    return isinstance(event, NOTABLE)


def _records(material: Material) -> Iterator[Cause]:
    """What was not seen is a warning about the evidence itself."""
    if material.traffic.unread:
        yield Cause("gateway", "a look at which the gateway did not answer", material.traffic.unread)
    if material.traffic.lives > 1:
        yield Cause("gateway", "the gateway's process was started anew", material.traffic.lives - 1)
    if material.account.dropped:
        yield Cause("recorder", "a record of a request could not be written", material.account.dropped)
