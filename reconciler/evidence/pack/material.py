"""Everything that a finished pack's documents say, read from its raw files alone and in one pass over each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reconciler.core.events import Applied, Intended
from reconciler.core.steps import Result, Route
from reconciler.evidence.access import moment
from reconciler.evidence.pack import plan, steps
from reconciler.evidence.pack.account import Account, account
from reconciler.evidence.pack.agreement import Agreement
from reconciler.evidence.pack.gateway import Traffic, traffic
from reconciler.evidence.pack.place import GATEWAY, PLAN, READINGS, REQUESTS, STEPS, Pack
from reconciler.evidence.pack.readings import Judgement, judgements
from reconciler.evidence.pack.steps import Slice
from reconciler.evidence.pack.stream import read


@dataclass(frozen=True, slots=True)
class Shift:
    """One change of the newcomer's weight, as the journal has it: asked for, and read back. Seconds since 1970."""

    seq: int
    at: float
    done: float
    weight: int


@dataclass(frozen=True, slots=True)
class Material:
    """Of one transition that has ended."""

    environment: str
    transition: str
    plans: Sequence[dict[str, Any]]  # see `plan.planned`; the first is that of the beginning
    steps: Slice
    shifts: tuple[Shift, ...]
    account: Account
    traffic: Traffic
    gates: tuple[Judgement, ...]
    agreement: Agreement

    @property
    def plan(self) -> dict[str, Any] | None:
        return self.plans[0] if self.plans else None

    def figures(self) -> dict[str, Any]:
        """What is counted and measured, as JSON has it."""
        counted = {"requests": asdict(self.account), "gateway": asdict(self.traffic)}
        agreed = {key: value for key, value in asdict(self.agreement).items() if key != "pairs"}
        shifts = [asdict(shift) for shift in self.shifts]
        return {**counted, "gates": [asdict(gate) for gate in self.gates], "runbook": agreed, "shifts": shifts}


def gather(pack: Pack) -> Material:
    """Raises EvidenceBroken, naming the file, for what cannot be read or does not hold together."""
    found = steps.read(pack.file(STEPS))
    plans = plan.read(pack.file(PLAN))
    shifts = tuple(_shifts(found))
    first, last = (shifts[0].at, shifts[-1].done) if shifts else (None, None)
    return Material(
        pack.environment,
        pack.transition,
        plans,
        found,
        shifts,
        account(read(pack.file(REQUESTS)), first, last),
        traffic(read(pack.file(GATEWAY))),
        judgements(read(pack.file(READINGS))),
        steps.agreement(found, plans),
    )


def _shifts(found: Slice) -> list[Shift]:
    """Writes that were done; what was refused changed nothing, and what is unknown is seen at the next one."""
    newcomer = found.began.newcomer.slot
    kept: list[Shift] = []
    weight, intent = 0, None
    for entry in found.entries:
        match entry.event:
            case Intended(Route(_, after)):
                intent = entry.seq, moment(entry.at), after.weights[newcomer]
            case Intended():
                intent = None
            case Applied(Result.DONE) if intent and intent[2] != weight:
                kept.append(Shift(intent[0], intent[1], moment(entry.at), intent[2]))
                weight = intent[2]
    return kept
