"""Synthetic requests as they lie in a pack: one record each, written when it is known what became of it.

    {"gate", "run", "n", "road", "step", "at", "latency", "outcome", "status", "slot", "session", "error"}

`n` counts the requests of one run of a gate's load generator, in the order of sending, so that one which has no record
is missed. `at` is when it was due, in seconds since 1970, and `latency` the seconds from then to its end. What
is empty is left out. Beside them: {"life", "at"} when a recorder began, {"unsent", ...} for a number that was not sent
after all, {"unheard", ...} for one whose end nobody waited for, {"dropped", "of"} for how many records of which file
could not be written, and {"over", "at"} when all of it was recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.drivers.protocols import Sample

TAIL = 3.0  # seconds after a transition's end in which requests still count: then users meet what it has left behind
GRACE = 65.0  # seconds for those that are still on their way then: a gate may wait 60 s for an answer


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"  # another answer than the expected one, or none in time: a user would have met an error
    UNKNOWN = "unknown"  # nobody heard how it ended, or somebody else answered: it tells nothing


Name = tuple[str, str, int]  # of a request: its gate, the load generator's run, its number there


@dataclass(frozen=True, slots=True)
class Told:
    """What a sampler tells of one request that is over. `sample` None: it could not be sent after all."""

    gate: str
    run: str  # of the load generator
    number: int
    sample: Sample | None

    @property
    def name(self) -> Name:
        return self.gate, self.run, self.number


def record(told: Told, began: float) -> dict[str, Any]:
    """`began`: seconds since 1970 at which the monotonic clock was 0."""
    name = _named(told.name)
    sample = told.sample
    if sample is None:
        return {**name, "unsent": True}
    found = {
        "road": sample.road,
        "step": sample.step,
        "at": round(began + sample.start, 4),
        "latency": round(sample.latency, 4),
        "outcome": str(outcome(sample)),
        "status": sample.status,
        "slot": sample.slot,
        "session": sample.session,
        "lost": sample.lost,
        "error": sample.error[:200],
    }
    return {**name, **{key: value for key, value in found.items() if value not in ("", None, False) or key == "at"}}


def outcome(sample: Sample) -> Outcome:
    if sample.void or sample.pending:
        return Outcome.UNKNOWN
    return Outcome.OK if sample.ok else Outcome.FAILED


def unheard(name: Name) -> dict[str, Any]:
    """Of a request that was sent, and whose end nobody waited for."""
    return {**_named(name), "unheard": True}


def _named(name: Name) -> dict[str, Any]:
    return dict(zip(("gate", "run", "n"), name, strict=True))
