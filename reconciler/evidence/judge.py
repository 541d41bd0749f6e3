"""One judge for every real run: what the journal says was done, and what the gateway says happened, obeys the laws.

It knows nothing but the records, and decides nothing: a breach is a defect of ours, or somebody's hand in the journal.
The numbers are those of the laws in docs/reliability.md. What only the world can show (that an old owner had really
stopped, that stable was up) is judged where the world is: in the model, the simulation, and the members' own records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.events import Applied, Began, GenerationTaken, Intended
from reconciler.core.model import SetWeight, StrategyStep
from reconciler.core.steps import CloseGateway, Route
from reconciler.evidence.access import Served
from reconciler.evidence.course import backwards, turns
from reconciler.evidence.owners import owners
from reconciler.evidence.standing import misplaced
from reconciler.evidence.step import Breach, Step, steps
from reconciler.evidence.timeline import Timeline
from reconciler.evidence.witness import Stops, Witness
from reconciler.journal.entry import Entry

NOT_GOOD = ("Failed", "Inconclusive", "Error", "Running")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was broken, and how much there was to judge: of nothing, nothing is proved."""

    breaches: tuple[Breach, ...]
    entries: int  # of the journal
    answers: int = 0  # of slots to users, each held against the journal
    strangers: tuple[str, ...] = ()  # addresses that answered users, and are no member's

    def objections(self, *, users: bool = True) -> list[str]:
        """Why this is no success; empty when it is. `users`: there were some, so the access log must tell of them."""
        found = [str(breach) for breach in self.breaches]
        found += [f"{one} answered users, and is nobody's address" for one in self.strangers]
        if not self.entries:
            found.append("the journal has no entry: nothing was judged")
        if users and not self.answers:
            found.append("no line of the access log tells of a slot that answered a user: nothing was compared")
        return found


def judge(
    entries: Sequence[Entry], served: Iterable[Served] = (), *, sticky: bool = False, drain: float | None = None
) -> Verdict:
    """The records of one environment; `entries` from its first on. `drain`: the manifest's `drainTimeout`, which is not
    in the journal; None leaves unjudged whether a slot was drained before it was stopped."""
    found = list(steps(entries))
    witness = Witness(Timeline(entries, sticky=sticky), Stops(found, drain))
    for one in served:
        witness.hear(one)
    breaches = sorted([*_by_journal(found), *witness.breaches], key=lambda breach: (breach.seq, breach.law))
    return Verdict(tuple(breaches), len(entries), witness.answers, tuple(sorted(witness.strangers)))


def _by_journal(found: Sequence[Step]) -> Iterator[Breach]:
    for step in found:
        yield from (Breach(law, step.entry.seq, said) for law, rule in LAWS for said in rule(step))
    for whole in WHOLE:
        yield from (Breach(law, step.entry.seq, said) for law, step, said in whole(found))


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


WHOLE: tuple[Callable[[Sequence[Step]], Iterator[tuple[int, Step, str]]], ...] = (owners, misplaced, turns, backwards)
