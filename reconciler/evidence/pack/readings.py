"""What each gate answered, as it lies in a pack, and what became of it.

    {"at", "gate", "outcome", "value", "limit", "samples", "rung", "reason", "age", "alert"}

`at`: seconds since 1970; `age`: seconds since the gate had given the answer. Written whenever an outcome changes, and
once a second beside while the value does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.reading import GateReading
from reconciler.errors import EvidenceBroken
from reconciler.evidence.pack.foreign import seconds

BAD = ("Failed", "Error")
SILENT = ("Running", "Pending")  # nothing was answered yet
CAUSES = 20  # alerts of one gate that are told apart
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?: s| %)?")


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
        "alert": reading.alert[:500],
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
    worst_reason: str  # of the first answer that was bad; of none, of the first Inconclusive one
    highest: str = ""  # the greatest value, of a gate whose values are numbers
    alerts: Mapping[str, int] = field(default_factory=dict)  # what somebody should look at: how often it came up


@dataclass
class _Gate:
    first: float
    latest: Mapping[str, Any]
    answers: dict[str, int] = field(default_factory=dict)
    trouble: str = ""
    highest: tuple[float, str] | None = None
    alerts: dict[str, tuple[str, int]] = field(default_factory=dict)  # by cause: its first text, and how often
    alert: str = ""  # the cause that the latest answer told of

    def take(self, said: Mapping[str, Any]) -> None:
        value, cause = str(said.get("value", "")), without_numbers(str(said.get("alert", "")))
        number = figure(value)
        if number is not None and (self.highest is None or number > self.highest[0]):
            self.highest = number, value
        if cause and cause != self.alert and (cause in self.alerts or len(self.alerts) < CAUSES):
            text, count = self.alerts.get(cause, (str(said["alert"]), 0))
            self.alerts[cause] = text, count + 1
        if cause or said.get("outcome") not in SILENT:  # a new window is no new cause
            self.alert = cause
        self.latest = said


class Judgements:
    """Fed with the records of `gates.jsonl.gz`."""

    def __init__(self) -> None:
        self._gates: dict[str, _Gate] = {}

    def take(self, said: Mapping[str, Any]) -> None:
        """Raises EvidenceBroken for a record that is none."""
        try:
            outcome, at = str(said["outcome"]), seconds(said["at"])
            gate = self._gates.setdefault(str(said["gate"]), _Gate(at, said))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise EvidenceBroken(f"a record of a gate cannot be read ({error}): {str(said)[:80]}") from error
        gate.take(said)
        gate.answers[outcome] = gate.answers.get(outcome, 0) + 1
        if (outcome in BAD and not gate.trouble.startswith(BAD)) or (outcome == "Inconclusive" and not gate.trouble):
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
        gate.highest[1] if gate.highest else "",
        dict(gate.alerts.values()),
    )


def figure(value: str) -> float | None:
    """The number that a gate measured, in seconds, percent, or plain; None for a value that is a sentence."""
    found = _NUMBER.fullmatch(value)
    return float(found[1]) if found else None


def without_numbers(text: str) -> str:
    """The same for every text of one cause: `job 7 was tried 3 times`, `job 9 was tried 2 times`."""
    return re.sub(r"\d+", "#", text)


def judgements(records: Iterable[Mapping[str, Any]]) -> tuple[Judgement, ...]:
    """Of a whole stream."""
    found = Judgements()
    for record in records:
        found.take(record)
    return found.told()
