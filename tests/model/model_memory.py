"""The journal as a number: every folded State is normalised and kept once; `fold` and `decide` are the shipped ones.

Normalising forgets only what no rule reads: sequence numbers, the transition's id, texts (their emptiness is kept;
that a gate has not answered yet, which `note_verdict` reads in one, is in tests/core/test_conditions.py), and how long
ago something was once that is longer than anything that is waited for. All times become relative to `watched`.
The mirror test (test_model_mirror) walks the un-normalised loop beside it and would see a difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import model_git as git
from core_laws import broken
from core_world import Edge
from model_asking import ENDS, closed, told, vote
from model_asking_laws import of_decision, of_event
from model_world import SUCCESSFUL, UNIT, Here, Look, Scenario, of_slot, reading, slot_readings

from reconciler.core import history, plan
from reconciler.core.diff import standing
from reconciler.core.events import (
    Accepted,
    Applied,
    Began,
    Created,
    Event,
    Intended,
    Phase,
    Requested,
    Verb,
    Watched,
)
from reconciler.core.gates import due
from reconciler.core.model import Analysis, Approvals, Desired, Outcome, Pair, Pause, Slot, Spec
from reconciler.core.plan import Decision
from reconciler.core.reading import (
    GateReading,
    MigrationReading,
    MigrationStatus,
    Observed,
    SnapshotReading,
    SnapshotStatus,
)
from reconciler.core.situation import REPEAT_AFTER, Do, Record, Wait
from reconciler.core.state import Drill, Duty, Last, Refusal, State, Transition
from reconciler.core.steps import Migrate, Note, PutBack, Result, Route, Start, TakeSnapshot, TryRestore
from reconciler.loop.tick import OTHERS, RECORDS, heartbeat

FAR = 1000.0  # seconds
BEFORE = -1.0  # when the present window opened: earlier than anything that is decided in this look


def said(text: str) -> str:
    return "x" if text else ""


def age(at: float | None, now: float, longest: float) -> float | None:
    return None if at is None else max(at - now, -longest)


def normal(state: State, spec: Spec, beside: bool = False) -> State:
    """The same memory, as seen from now, without what no rule reads. `beside`: git is told what became of it."""
    now = state.watched
    latest = tuple(sorted(
        ((_nameless(act), max(at - now, -REPEAT_AFTER)) for act, at in state.latest
         if at - now > -REPEAT_AFTER or (isinstance(act, Start) and act.owner)), key=repr,
    ))  # fmt: skip
    left, refusal, drift = state.leftover, state.refusal, state.drift
    return replace(
        state, seq=0, watched=0.0, generation=0, latest=latest,
        transition=_normal_transition(state.transition, now, spec, beside) if state.transition else None,
        duty=_normal_duty(state.duty) if state.duty and beside else None,
        override=state.override and (state.override[0], "x"),
        leftover=left and replace(left, since=0.0 if left.stopped else max(left.since - now, -spec.scale_down_delay)),
        held=tuple(replace(held, reason="") for held in state.held),
        intent=state.intent
        and replace(state.intent, act=_nameless(state.intent.act), reason="", revision=said(state.intent.revision)),
        refusal=refusal and _normal_refusal(refusal, now),
        drift=drift, closed=Pair(*(age(state.closed[slot], now, spec.drain_timeout) for slot in Slot)),
        paused=said(state.paused), suspended=said(state.suspended), down=said(state.down), abort=said(state.abort),
        rollback=said(state.rollback), request_refused="",
        owed=tuple(map(_normal_duty, state.owed)) if beside else (),
        untold=tuple(_normal_untold(one, now) for one in state.untold) if beside else (),
        drill=state.drill and _normal_drill(state.drill, now), drilled=(), missed="",
        drill_asked=state.drill_asked and Requested(Verb.DRILL, drill=state.drill_asked.drill),
        last=state.last and Last(state.last.transition, "", state.last.newcomer, Phase.PENDING, ""),
    )  # fmt: skip


def _nameless(act: Any) -> Any:
    """A migration's transition says nothing: there is one at a time. Of what git is told, the beginning says it all."""
    match act:
        case Migrate() | TakeSnapshot() | TryRestore():
            return replace(act, transition="t")
        case PutBack():
            return replace(act, subject="", reason="")
        case Note(text=text):
            return replace(act, text=brief(text))
    return act


def brief(text: str) -> str:
    """How it ended, and what was put back, without the reasons."""
    first, *more = text.split("\n")
    return "\n".join([first.split(" ")[0].rstrip(":"), *more])


def _normal_drill(drill: Drill, now: float) -> Drill:
    """How it went so far is for people."""
    left = max(drill.expires - now, 0.0)
    return replace(
        drill, began=0.0, expires=left if left < FAR else 2 * FAR, until="", at="", phase=Phase.PENDING, reason="",
        stuck=said(drill.stuck), safety=None,
    )  # fmt: skip


def _normal_duty(duty: Duty) -> Duty:
    return replace(duty, text=brief(duty.text), reason="", noted=brief(duty.noted))


def _normal_refusal(refusal: Refusal, now: float) -> Refusal:
    """How long ago it was matters for as long as it keeps from trying again."""
    times = min(refusal.times, 7)
    longest = REPEAT_AFTER * 2 ** (times - 1)
    return replace(refusal, act=_nameless(refusal.act), reason="", at=max(refusal.at - now, -longest), times=times)


def _normal_untold(refusal: Refusal, now: float) -> Refusal:
    """Whether there is a reason matters, and not which."""
    return replace(_normal_refusal(refusal, now), reason=said(refusal.reason))


def _since(at: float, now: float, longest: float) -> float:
    """Of what lasts longer than any history here, how long ago it began says nothing."""
    return max(at - now, -longest) if longest < FAR else 0.0


def _normal_transition(t: Transition, now: float, spec: Spec, beside: bool) -> Transition:
    longest, policy = _longest_wait(t, spec), spec.approvals or Approvals(())
    return replace(
        t, id=t.id if beside or spec.approvals else "t", revision=t.revision if beside else "", frozen=said(t.frozen),
        asked=t.asked and replace(t.asked, since=_since(t.asked.since, now, policy.deadline)),
        waited=min(t.waited, policy.deadline) if policy.deadline < FAR else 0.0,
        voided_at=age(t.voided_at, now, REPEAT_AFTER),
        agreed=tuple(replace(one, at=_since(one.at, now, policy.expires)) for one in t.agreed),
        opened=BEFORE, since=max(t.since - now, -longest),
        spent=0.0 if t.going_back else min(t.spent, spec.progress_deadline), starts=min(t.starts, 3),
        unready_since=age(t.unready_since, now, UNIT), holding_since=age(t.holding_since, now, spec.hold_timeout),
        refusal=said(t.refusal), reason="", said="", judged_at=age(t.judged_at, now, REPEAT_AFTER) if t.judged else 0.0,
    )  # fmt: skip


def _longest_wait(t: Transition, spec: Spec) -> float:
    """How long ago `since` may matter in this phase, or at this step."""
    if t.phase is Phase.SOAKING:
        return spec.soak + spec.progress_deadline
    match None if t.going_back else t.step:
        case Pause(duration):
            return duration or 0.0
        case Analysis(at_most):
            return at_most
    return 0.0


def unfounded(observed: Observed, decision: Decision) -> list[str]:
    """Law 7 on decisions: a write rests on a reading, or there is nothing that it could be compared with."""
    act = decision.answer.act if isinstance(decision.answer, Do) else None
    unread = isinstance(act, Route) and observed.gateway is None
    return [f"law 7: {decision.rule} writes weights to a gateway that was not read"] if unread else []


def forgotten(before: State, after: State) -> list[str]:
    """Law 4 on what is remembered: the latch opens only when no slot is pinned to that version any more."""
    pins = after.accepted.pins if after.accepted else None
    lost = [held.version for held in before.held if not after.is_held(held.version)]
    return [
        f"law 4: {version} is pinned and no longer held"
        for version in lost
        if pins and version in (pins.blue, pins.green)
    ] + _borne_again(before, after)


def _borne_again(before: State, after: State) -> list[str]:
    """What the data have left behind stays so, unless a check denies it, or a person says what is good."""
    noted = after.transition.noted if after.transition else None
    told = after.claim or (noted is not None and noted.status is MigrationStatus.FAILED)
    lost = [one for one in before.behind if one not in after.behind and one.release == after.stable]
    return [f"law left behind: that {one.release} is, is forgotten" for one in lost if not told]


@dataclass(frozen=True)
class Settled:
    """What one look leads to, up to the write: mirror of `_settle` in loop/tick.py."""

    events: tuple[Event, ...]  # noted, in order; the intent is the last
    decisions: tuple[Decision, ...]
    after: int  # the memory once they are written
    intent: int  # what is to be done, or -1
    waits: Wait | None
    breaches: tuple[str, ...]  # laws that these decisions break, by number
    accepted: bool = False  # another digest came into force
    turned: int = 0  # changes of direction among the events


class Memories:
    """All states of the journal that were met, each once, and what was computed from them."""

    def __init__(self, scenario: Scenario, rules: tuple[plan.Rule, ...]) -> None:
        self.scenario, self.rules = scenario, rules
        self.states: list[State] = []
        self.intents: list[Intended] = []
        self._numbers: dict[State, int] = {}
        self._intent_numbers: dict[Intended, int] = {}
        self._settled: dict[tuple[object, ...], Settled] = {}
        self._folded: dict[tuple[object, ...], int] = {}
        self.specs: list[Spec | None] = list(scenario.commits)  # and after them, what drills lay over these
        self._specs = {spec.digest: i for i, spec in enumerate(scenario.commits) if spec}
        self.first = self.number(history.fold(State(), Created("ours")))

    def number(self, state: State) -> int:
        found = normal(state, self.scenario.known, self.scenario.beside)
        if found not in self._numbers:
            self._numbers[found] = len(self.states)
            self.states.append(found)
        return self._numbers[found]

    def intent_number(self, intent: Intended) -> int:
        plain = replace(intent, act=_nameless(intent.act), reason=said(intent.reason))
        if plain not in self._intent_numbers:
            self._intent_numbers[plain] = len(self.intents)
            self.intents.append(plain)
        return self._intent_numbers[plain]

    def fold(self, memory: int, event: Event, elapsed: int = 0) -> int:
        """The memory after one more entry."""
        key = (memory, event, elapsed)
        if key not in self._folded:
            self._folded[key] = self.number(history.fold(self.states[memory], event, elapsed=elapsed * UNIT))
        return self._folded[key]

    def fold_all(self, memory: int, events: tuple[Event, ...], elapsed: int) -> int:
        for event in events:
            memory, elapsed = self.fold(memory, event, elapsed), 0
        return memory

    def worn(self, memory: int, elapsed: int) -> int:
        """Elapsed units that still make a difference: none when every timer is over."""
        while elapsed and self.fold(memory, Watched(), elapsed) == self.fold(memory, Watched(), elapsed - 1):
            elapsed -= 1
        return elapsed

    # ---- desired and observed, as the core wants them

    def desired(self, memory: int, head: int) -> Desired:
        accepted = self.states[memory].accepted
        in_force = self.scenario.commits[self._specs[accepted.digest]] if accepted else None
        forward = accepted is None or self.scenario.descends(head, int(accepted.revision, 16) - 1)
        spec = self.scenario.commits[head]
        return Desired(f"{head + 1:040x}", spec, "" if spec else "demo.yaml:3:1: unknown key", in_force, forward)

    def spec_number(self, memory: int, head: int) -> int:
        """Whose manifest is looked with: mirror of `standing(desired, state).spec` in Keeper.observe."""
        spec = standing(self.desired(memory, head), self.states[memory]).spec
        return self._numbered(spec) if spec else -1

    def _numbered(self, spec: Spec) -> int:
        if spec.digest not in self._specs:
            self._specs[spec.digest] = len(self.specs)
            self.specs.append(spec)
        return self._specs[spec.digest]

    def around(self, here: Here, beside: str) -> dict[str, Any]:
        """What a look reads of git beside the desired state, and of the calendar: mirror of Keeper._around."""
        state = self.states[here.memory]
        asked = state.transition is not None and state.transition.asked is not None
        return {
            "ballots": here.ballots if asked and not beside else (),
            "window": here.window,
            "made": here.made if here.made[1] == here.head else ("", -1),
            "beside": beside or ("obstacle" if here.obstacle else ""),
        }

    def called(self, state: State, event: Event) -> Event:
        """A transition is not called by its entry's number, of which there is none here; but two that come one after
        the other are not the same, where that matters."""
        if not isinstance(event, Began):
            return event
        other = self.scenario.beside or self.scenario.known.approvals
        before = state.last.transition if state.last else ""
        return replace(event, transition=("t1" if before == "t0" else "t0") if other else "t")

    def _snapshot(self, look: Look, state: State) -> SnapshotReading:
        stale, t = look.saving == "stale", state.transition
        status, whose = SnapshotStatus("running" if stale else look.saving), "old" if stale else t.id if t else "t"
        return SnapshotReading(status, whose, self.scenario.known.snapshot)

    def observed(self, memory: int, look: Look, spec: Spec, now: float = 0.0) -> Observed:
        members = Pair(*(slot_readings(of_slot(look.members, slot)) for slot in Slot))
        gateway = reading(look.gateway, look.busy) if look.gateway else None
        gates = self._gates(memory, look, spec) if gateway and gateway.up else ()
        stale, state = look.migration == "stale", self.states[memory]
        t, status = state.transition, MigrationStatus("running" if stale else look.migration)
        which, whose = self.scenario.known.migration, "old" if stale else t.id if t else "t"
        migration = MigrationReading(status, whose, ran=True, migration=which)
        snapshot = self._snapshot(look, state)
        seen = Observed(gateway, members, gates, migration=migration, snapshot=snapshot)
        policy = told(self.scenario)
        seen = replace(seen, votes=tuple(vote(one, policy) for one in look.ballots))
        if t and t.asked and look.beside == "unread":
            seen = replace(seen, votes_unread="it is silent")
        if self.scenario.beside:
            seen = replace(seen, git=git.reading(self.scenario, state, look))
        wants = t is not None or spec.target != state.stable or state.drill_asked is not None
        forward = state.stable is not None and wants
        return replace(seen, closed=closed(look.window, now)) if forward else seen

    def _gates(self, memory: int, look: Look, spec: Spec) -> tuple[GateReading, ...]:
        t = self.states[memory].transition
        if t is None:
            return ()
        late = look.gates == "late"
        window = replace(t.window, rung=-1, opened=BEFORE - UNIT) if late else t.window
        outcome = SUCCESSFUL if late else Outcome(look.gates)
        return tuple(GateReading(gate.name, outcome, window) for gate in due(spec, t))

    # ---- one look, up to the write

    def settle(self, memory: int, look: Look, elapsed: int) -> Settled:
        key = (memory, look, elapsed)
        found = self._settled.get(key)
        if found is None:
            found = self._settled[key] = self._settle(memory, look, elapsed)
        return found

    def _settle(self, memory: int, look: Look, elapsed: int) -> Settled:
        desired, state = self.desired(memory, look.head), self.states[memory]
        spec = standing(desired, state).spec
        passed = elapsed * UNIT
        observed = self.observed(memory, look, spec, passed) if spec else Observed(None, Pair((), ()))
        events, decisions, breaches = list[Event](), list[Decision](), list[str]()
        intent, waits = -1, None

        def note(event: Event) -> None:
            nonlocal state
            breaches.extend(self._record_breaches(state, event, observed))
            before, state = state, history.fold(state, event, elapsed=0.0 if events else passed)
            over = any(isinstance(one, ENDS) for one in events)
            breaches.extend(of_event(self.scenario.known.approvals, look, before, event, state, over))
            events.append(event)
            breaches.extend(forgotten(before, state))

        for _ in range(RECORDS):
            now = state.watched + (0.0 if events else passed)
            decision = plan.decide(desired, observed, state, now, self.rules)
            decisions.append(decision)
            in_force = standing(desired, state).spec
            breaches += broken(Edge(desired, in_force, observed, state, now, decision)) if in_force else []
            breaches += unfounded(observed, decision)
            breaches += of_decision(in_force, observed, state, now, decision) if in_force else []
            match decision.answer:
                case Record(event):
                    note(self.called(state, event))
                    after = standing(desired, state).spec
                    if not (isinstance(event, OTHERS) and after and spec and after.digest != spec.digest):
                        continue
                case Do():
                    intended = plan.intended(decision, desired, state)
                    note(intended)
                    intent = self.intent_number(intended)
                case Wait() as waits:
                    interval = heartbeat(state)
                    if interval is not None and not events and passed >= interval:
                        note(Watched())
            break
        else:
            breaches.append(f"liveness: {RECORDS} facts in one look")
        earlier = self.states[memory].accepted
        accepted = next((e for e in reversed(events) if isinstance(e, Accepted)), None)
        return Settled(
            tuple(events), tuple(decisions), self.number(state), intent, waits, tuple(breaches),
            accepted is not None and (earlier is None or earlier.digest != accepted.digest),
            sum(type(e).__name__ == "RollbackBegan" for e in events),
        )  # fmt: skip

    def _record_breaches(self, state: State, event: Event, observed: Observed) -> list[str]:
        """Laws about what may be written into the journal."""
        found, route = [], state.intent.act if state.intent else None
        if isinstance(event, Applied) and event.result is Result.DONE and isinstance(route, Route):
            gateway = observed.gateway
            if gateway is None or not gateway.up or gateway.weights != route.after.weights:
                found.append("law 8: an intent is closed as done, and the gateway was not read to stand so")
        if isinstance(event, Intended) and state.intent is not None:
            found.append("law 8: a second act while an intent is open")
        if isinstance(event, Intended) and not (event.rule and event.revision):
            found.append("law 20: an intent without its reason or revision")
        if isinstance(event, Accepted) and state.accepted and not state.accept_rewritten:
            older, newer = int(state.accepted.revision, 16) - 1, int(event.revision, 16) - 1
            if not self.scenario.descends(newer, older):
                found.append("law 14: an older revision comes into force again")
        return found
