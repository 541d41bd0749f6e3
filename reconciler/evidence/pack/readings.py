"""What each gate answered, as it lies in a pack, and what became of it.

    {"at", "gate", "outcome", "value", "limit", "samples", "rung", "reason", "age"}

`at`: seconds since 1970; `age`: seconds since the gate had given the answer. Written whenever an outcome changes, and
once a second beside while the value does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.reading import GateReading
from reconciler.errors import EvidenceBroken


def record(reading: GateReading, at: float) -> dict[str, Any]:
    found = {
        "at": round(at, 3),
        "gate": reading.name,
        "outcome": str(reading.outcome),
        "value": reading.value,
        "limit": reading.limit,
        "samples": reading.samples,
        "rung": reading.window.rung,
        "reason": reading.reason[:500],
        "age": round(reading.age, 2),
    }
    return {key: value for key, value in found.items() if value != ""}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One gate over the whole transition: its last answer, and how often it gave which."""

    gate: str
    outcome: str
    value: str
    limit: str
    samples: int
    reason: str
    rung: int  # the newcomer's weight at the last answer
    first: float  # seconds since 1970
    last: float
    answers: Mapping[str, int]  # by outcome
    worst_reason: str  # of the first answer that was neither Successful nor on its way


@dataclass
class _Gate:
    first: float
    latest: Mapping[str, Any]
    answers: dict[str, int] = field(default_factory=dict)
    trouble: str = ""


class Judgements:
    """Fed with the records of `gates.jsonl.gz`."""

    def __init__(self) -> None:
        self._gates: dict[str, _Gate] = {}

    def take(self, said: Mapping[str, Any]) -> None:
        """Raises EvidenceBroken for a record that is none."""
        try:
            outcome, at = str(said["outcome"]), float(said["at"])
            gate = self._gates.setdefault(str(said["gate"]), _Gate(at, said))
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceBroken(f"a record of a gate cannot be read ({error}): {str(said)[:80]}") from error
        gate.latest = said
        gate.answers[outcome] = gate.answers.get(outcome, 0) + 1
        if outcome not in ("Successful", "Running", "Pending") and not gate.trouble:
            gate.trouble = f"{outcome}: {said.get('reason', '')}"

    def told(self) -> tuple[Judgement, ...]:
        """In the order in which they were first asked."""
        return tuple(_told(name, gate) for name, gate in self._gates.items())


def _told(name: str, gate: _Gate) -> Judgement:
    said = gate.latest
    return Judgement(
        name,
        str(said["outcome"]),
        str(said.get("value", "")),
        str(said.get("limit", "")),
        int(said.get("samples", 0)),
        str(said.get("reason", "")),
        int(said.get("rung", 0)),
        gate.first,
        float(said["at"]),
        dict(sorted(gate.answers.items())),
        gate.trouble,
    )


def judgements(records: Iterable[Mapping[str, Any]]) -> tuple[Judgement, ...]:
    """Of a whole stream."""
    found = Judgements()
    for record in records:
        found.take(record)
    return found.told()
