"""Everything that a finished pack's documents say, read from its raw files alone and in one pass over each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reconciler.core.events import Applied, Intended
from reconciler.core.steps import Result, Route
from reconciler.evidence.access import moment
from reconciler.evidence.pack import plan, steps
from reconciler.evidence.pack.account import Account, Ledger
from reconciler.evidence.pack.agreement import Agreement
from reconciler.evidence.pack.gateway import Tally, Traffic
from reconciler.evidence.pack.place import GATEWAY, PLAN, READINGS, REQUESTS, SCRIPTS, STEPS, Pack
from reconciler.evidence.pack.readings import Judgement, Judgements
from reconciler.evidence.pack.requests import TAIL
from reconciler.evidence.pack.series import Gatherer, Series
from reconciler.evidence.pack.served import Served, served
from reconciler.evidence.pack.steps import Slice
from reconciler.evidence.pack.stream import read
from reconciler.evidence.pack.watch import Watch, Watching

CLOSE = 45  # buckets around the changes of weight: those take seconds, in which not many requests are sent


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
    whole: Series  # from the first entry to the last
    near: Series  # the same around the changes of weight, closer
    scripts: tuple[str, ...]  # of `place.SCRIPTS`, those that are there
    watch: Watch
    served: Served

    @property
    def plan(self) -> dict[str, Any] | None:
        return self.plans[0] if self.plans else None

    def figures(self) -> dict[str, Any]:
        """What is counted and measured, as JSON has it."""
        counted = {"requests": asdict(self.account), "gateway": asdict(self.traffic)}
        counted["watch"] = asdict(self.watch)
        counted["served"] = asdict(self.served)
        agreed = {key: value for key, value in asdict(self.agreement).items() if key != "pairs"}
        shifts = [asdict(shift) for shift in self.shifts]
        return {**counted, "gates": [asdict(gate) for gate in self.gates], "runbook": agreed, "shifts": shifts}


def gather(pack: Pack) -> Material:
    """Raises EvidenceBroken, naming the file, for what cannot be read or does not hold together."""
    found = steps.read(pack.file(STEPS))
    plans = plan.read(pack.file(PLAN))
    shifts = tuple(_shifts(found))
    first, last = (shifts[0].at, shifts[-1].done) if shifts else (None, None)
    began, ended = moment(found.entries[0].at), moment(found.entries[-1].at)
    ledger, tally, answers = Ledger(first, last, began, ended), Tally(), Judgements()
    whole_span, near_span = _spans(found, shifts)
    seen = [Gatherer(*whole_span), Gatherer(*near_span, CLOSE, steps=False)]
    watching = Watching(began, first, ended + TAIL)
    _feed(read(pack.file(GATEWAY)), watching.look)
    _feed(read(pack.file(REQUESTS)), ledger.take, watching.request, *(one.request for one in seen))
    _feed(read(pack.file(GATEWAY)), tally.take, ledger.look, *(one.look for one in seen))
    _feed(read(pack.file(READINGS)), answers.take, *(one.answer for one in seen))
    whole, near = (one.series() for one in seen)
    scripts = tuple(name for name in SCRIPTS if pack.file(name).is_file())
    agreed = steps.agreement(found, plans)
    traffic = tally.traffic()
    watch = watching.watch(traffic.counted)
    said = (
        ledger.account(),
        traffic,
        answers.told(),
        agreed,
        whole,
        near,
        scripts,
        watch,
        served(found.entries, traffic, watch.unshown),
    )
    return Material(found.rows[0].environment, found.began.transition, plans, found, shifts, *said)


def closer(material: Material) -> bool:
    """Do the changes of weight take so small a part of it that they are to be seen by themselves, too?"""
    near, whole = material.near, material.whole
    return near.end - near.begin < (whole.end - whole.begin) / 3


def _feed(records: Iterable[dict[str, Any]], *takers: Callable[[dict[str, Any]], None]) -> None:
    for record in records:
        for take in takers:
            take(record)


def _spans(found: Slice, shifts: Sequence[Shift]) -> Iterator[tuple[float, float]]:
    """Seconds since 1970, first and last: of all of it, and of the changes of weight with a fifth beside them."""
    begin, end = moment(found.entries[0].at), moment(found.entries[-1].at) + TAIL
    yield begin, end
    if not shifts:
        yield begin, end
        return
    margin = max(1.0, (shifts[-1].done - shifts[0].at) / 5)
    yield max(begin, shifts[0].at - margin), min(end, shifts[-1].done + margin)


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
