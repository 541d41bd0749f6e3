"""The whole road in advance: the same `decide` and the same `fold`, on a simulated world, so it cannot differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.core.diff import standing
from reconciler.core.events import Admitted, Applied, Ended, Event
from reconciler.core.history import fold
from reconciler.core.model import Desired, Outcome, Slot, Spec
from reconciler.core.plan import Decision, decide, intended
from reconciler.core.reading import MemberReading, MemberStatus, Observed
from reconciler.core.simulate import WhatIf, judge, perform, settle
from reconciler.core.situation import Do, Record, Wait
from reconciler.core.state import State
from reconciler.core.steps import Act, Result
from reconciler.core.voting import whom

LIMIT = 400  # decisions; a road that is longer is a defect, and says so


@dataclass(frozen=True, slots=True)
class Planned:
    """One thing that would happen, `after` so many seconds from now."""

    after: float
    rule: str
    what: Act | Event
    because: str = ""
    weight: int | None = None  # the newcomer's, once this is done
    gates: tuple[str, ...] = ()  # that must be Successful for it


@dataclass(frozen=True, slots=True)
class Preview:
    steps: tuple[Planned, ...]
    end: Wait  # what it comes to rest on
    seconds: float | None  # until the transition ends; None when no transition ends within this road
    state: State
    barred: bool = False  # before anything else somebody, or the calendar, is waited for

    @property
    def ended(self) -> Ended | None:
        return next((p.what for p in self.steps if isinstance(p.what, Ended)), None)


def preview(desired: Desired, observed: Observed, state: State, now: float, what_if: WhatIf | None = None) -> Preview:
    """Walk the road until something must be waited for that time alone does not bring."""
    walk = _Walk(desired, observed, state, now, what_if)
    for _ in range(LIMIT):
        decision = walk.next()
        if isinstance(decision.answer, Wait) and decision.answer.blocked and not walk.steps:
            walk.barred = True
        if isinstance(decision.answer, Wait) and not walk.wait(decision.answer):
            return Preview(tuple(walk.steps), decision.answer, walk.ended, walk.state, walk.barred)
        walk.take(decision)
    return Preview(tuple(walk.steps), Wait("TooLong", "the road does not come to rest"), None, walk.state)


class _Walk:
    """The simulated world on its way. Local to one preview; nothing outside sees it."""

    def __init__(self, desired: Desired, observed: Observed, state: State, now: float, what_if: WhatIf | None) -> None:
        self.desired, self.observed, self.state, self.now = desired, observed, state, now
        self.what_if, self.began = what_if, now
        self.steps: list[Planned] = []
        self.ended: float | None = None
        self.barred = False

    @property
    def spec(self) -> Spec | None:
        return standing(self.desired, self.state).spec

    def next(self) -> Decision:
        if self.spec:
            self.observed = judge(self._fit(self.observed, self.spec), self.spec, self.state, self.what_if)
        return decide(self.desired, self.observed, self.state, self.now)

    def _fit(self, observed: Observed, spec: Spec) -> Observed:
        """In force may be another member list than was observed: what was not looked at is unknown."""
        for slot in Slot:
            missing = len(spec.members) - len(observed.members[slot])
            padding = (MemberReading(MemberStatus.UNKNOWN),) * max(0, missing)
            members = (observed.members[slot] + padding)[: len(spec.members)]
            observed = replace(observed, members=observed.members.replace(slot, members))
        return observed

    def wait(self, wait: Wait) -> bool:
        """Let time pass, or let what is on its way arrive. False: neither helps."""
        settled = settle(self.observed, self.spec) if self.spec else self.observed
        if settled != self.observed:
            self.observed = settled
            return True
        if wait.reason == "WaitingApproval":
            return self._approved()
        if wait.until is None or wait.until <= self.now:
            return False
        self.now = wait.until
        return True

    def _approved(self) -> bool:
        """The road goes on as if whoever is asked had agreed. Nobody has, so nobody is named in the event."""
        asked = self.state.transition.asked if self.state.transition else None
        policy = self.spec.approvals if self.spec else None
        if asked is None or policy is None:
            return False
        event = Admitted(asked.stage, asked.plan, ())
        self._fold(event)
        self._note("waiting-approval", event, f"as if approved by {whom(policy)}")
        return True

    def take(self, decision: Decision) -> None:
        match decision.answer:
            case Record(event):
                self._fold(event)
                self._note(decision.rule, event)
                if isinstance(event, Ended):
                    self.ended = self.now - self.began
            case Do(act, because) if self.spec:
                gates = tuple(reading.name for reading in self.observed.gates)
                self._fold(intended(decision, self.desired))
                self.observed = perform(self.observed, self.spec, self.state, act)
                self._fold(Applied(Result.DONE))
                self._note(decision.rule, act, because, gates)
            case _:
                pass

    def _fold(self, event: Event) -> None:
        self.state = fold(self.state, event, elapsed=self.now - self.state.watched)

    def _note(self, rule: str, what: Act | Event, because: str = "", gates: tuple[str, ...] = ()) -> None:
        transition = self.state.transition
        weight = transition.rung if transition else None
        self.steps.append(Planned(self.now - self.began, rule, what, because, weight, gates))


def rollback_seconds(desired: Desired, observed: Observed, state: State, now: float) -> float | None:
    """From a failure at full weight to the end of the way back, as planned; None when nothing is to begin."""
    at_full = preview(desired, observed, state, now, WhatIf(100, Outcome.FAILED))
    failed = next((p.after for p in at_full.steps if p.rule == "turn-back"), None)
    return None if failed is None or at_full.seconds is None else at_full.seconds - failed
