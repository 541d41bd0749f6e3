"""One judge for every real run: what the journal says was done, and what the gateway says happened, obeys the laws.

It knows nothing but the records, and decides nothing: a breach is a defect of ours, or somebody's hand in the journal.
The numbers are those of the laws in docs/reliability.md. What only the world can show (that an old owner had really
stopped, that stable was up) is judged where the world is: in the model, the simulation, and the members' own records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.history import fold
from reconciler.core.model import SetWeight, Slot, StrategyStep
from reconciler.core.state import State
from reconciler.core.steps import Applied, Began, CloseGateway, GenerationTaken, Intended, Route, Start, Stop
from reconciler.evidence.access import Served
from reconciler.evidence.timeline import Timeline
from reconciler.journal.entry import Entry

NOT_GOOD = ("Failed", "Inconclusive", "Error", "Running")


@dataclass(frozen=True, slots=True)
class Breach:
    """A law that was broken, and the journal's entry by which it shows."""

    law: int
    seq: int
    message: str

    def __str__(self) -> str:
        return f"law {self.law}, entry {self.seq}: {self.message}"


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of one environment, and what was remembered before it."""

    before: State
    entry: Entry

    @property
    def route(self) -> Route | None:
        event = self.entry.event
        return event.act if isinstance(event, Intended) and isinstance(event.act, Route) else None


def judge(entries: Sequence[Entry], served: Iterable[Served] = (), *, sticky: bool = False) -> list[Breach]:
    """Every breach in the records of one environment; `entries` from its first on. Empty: all laws held."""
    steps = list(_steps(entries))
    found = [Breach(law, step.entry.seq, said) for step in steps for law, rule in LAWS for said in rule(step)]
    found += [Breach(21, step.entry.seq, said) for step, said in _owners(steps)]
    return sorted([*found, *_strangers(entries, served, sticky)], key=lambda breach: (breach.seq, breach.law))


def _steps(entries: Sequence[Entry]) -> Iterator[Step]:
    state = State()
    for entry in entries:
        yield Step(state, entry)
        state = fold(state, entry.event, elapsed=entry.elapsed, seq=entry.seq)


def _capacity(step: Step) -> Iterator[str]:
    route = step.route
    if route and (min(route.after.weights.blue, route.after.weights.green) < 0 or sum(_both(route)) != 100):
        yield f"weights {_both(route)} are no two shares of a whole"


def _ladder(step: Step) -> Iterator[str]:
    t, route = step.before.transition, step.route
    if not t or not route:
        return
    wanted = route.after.weights[t.newcomer.slot]
    passed = [rung for rung in rungs(t.steps) if t.rung < rung < wanted]
    if wanted > t.rung and (passed or wanted not in rungs(t.steps)):
        yield f"{t.newcomer} rises from {t.rung} to {wanted}, its rungs are {rungs(t.steps)}"


def _evidence(step: Step) -> Iterator[str]:
    event = step.entry.event
    if isinstance(event, Intended) and isinstance(event.act, Route) and event.act.advance:
        bad = [word for word in NOT_GOOD if word in event.reason]
        if bad:
            yield f"a rise on a verdict that is not good: {event.reason}"


def _latch(step: Step) -> Iterator[str]:
    event = step.entry.event
    if isinstance(event, Began) and not event.back and step.before.is_held(event.newcomer.version):
        yield f"{event.newcomer} begins although {event.newcomer.version} is held"


def _fence(step: Step) -> Iterator[str]:
    generation, latest = step.entry.generation, step.before.generation
    taken = isinstance(step.entry.event, GenerationTaken)
    if 0 < generation < latest or (taken and generation <= latest):
        yield f"generation {generation} writes after generation {latest} had taken over"


def _one_intent(step: Step) -> Iterator[str]:
    event, open_ = step.entry.event, step.before.intent
    if isinstance(event, Intended) and open_ is not None:
        yield "an intent while another one has no outcome yet"
    if isinstance(event, Applied) and open_ is None:
        yield "an outcome without an intent"


def _rollback_priority(step: Step) -> Iterator[str]:
    t, route = step.before.transition, step.route
    if t and route and t.going_back and route.after.weights[t.newcomer.slot] > t.rung:
        yield f"{t.newcomer} rises on the way back"


def _standing_still(step: Step) -> Iterator[str]:
    state, event = step.before, step.entry.event
    t = state.transition
    if not isinstance(event, Intended):
        return
    ordered = t is not None and t.going_back and (t.condition == "Aborted" or bool(state.abort))
    if state.suspended and not ordered:
        yield "something is done while suspended"
    if state.paused and isinstance(event.act, Route) and event.act.advance:
        yield "a step forward while paused"


def _signed(step: Step) -> Iterator[str]:
    event, generation = step.entry.event, step.entry.generation
    if not isinstance(event, Intended) or not isinstance(event.act, Route | CloseGateway):
        return
    signs = {"rule": event.rule, "reason": event.reason, "revision": event.revision, "generation": generation}
    missing = [name for name, value in signs.items() if not value]
    if missing:
        yield f"the gateway is changed without {', '.join(missing)} on record"


LAWS: tuple[tuple[int, Callable[[Step], Iterator[str]]], ...] = (
    (1, _capacity),
    (2, _ladder),
    (3, _evidence),
    (4, _latch),
    (5, _fence),
    (8, _one_intent),
    (11, _rollback_priority),
    (19, _standing_still),
    (20, _signed),
)


def rungs(steps: Sequence[StrategyStep]) -> list[int]:
    """The weights that a newcomer may stand at."""
    return [step.weight for step in steps if isinstance(step, SetWeight)]


def _both(route: Route) -> tuple[int, int]:
    return route.after.weights.blue, route.after.weights.green


def _owners(steps: Sequence[Step]) -> Iterator[tuple[Step, str]]:
    """An exclusive member is started in a slot only after it was stopped, or never started, in the other."""
    runs: set[tuple[str, Slot]] = set()
    for step in steps:
        act = step.entry.event.act if isinstance(step.entry.event, Intended) else None
        if isinstance(act, Start) and act.owner:
            for name in act.members:
                if (name, act.slot.other) in runs and step.before.forced is not act.slot.other:
                    yield step, f"{name} is started in {act.slot} and was not stopped in {act.slot.other}"
                runs.add((name, act.slot))
        elif isinstance(act, Stop):
            runs -= {(name, act.slot) for name in act.members}


def _strangers(entries: Sequence[Entry], served: Iterable[Served], sticky: bool) -> Iterator[Breach]:
    """Law 20 from the other side: who answers a user was given traffic by an entry of the journal."""
    timeline = Timeline(entries, sticky=sticky)
    for one in served:
        allowed = timeline.allowed(one.start)
        if one.slot is not None and allowed is not None and one.slot not in allowed:
            said = f"{one.slot} answered request {one.id}, and no entry had given it users then"
            yield Breach(20, timeline.entry(one.start), said)
