"""The laws of DESIGN section 7, on the simulated world itself and on what the journal holds, by a witness that no fault
disturbs. Laws about one decision are those of `tests/core/core_laws.py`.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))

from core_laws import broken
from core_world import Edge
from sim_members import ALIVE, Instance
from sim_order_laws import OrderLaws

from reconciler.core.events import (
    Accepted,
    Applied,
    Began,
    DrillBegan,
    Ended,
    Intended,
    Phase,
    Requested,
    RollbackBegan,
    SoakBegan,
)
from reconciler.core.history import fold
from reconciler.core.model import Outcome, Release, Routing, SetWeight, Slot, Traffic
from reconciler.core.reading import GateReading, GatewayReading
from reconciler.core.situation import Do, Record
from reconciler.core.state import State
from reconciler.core.steps import PutBack, Result, Route
from reconciler.desired.manifest import Manifest, read
from reconciler.drivers.protocols import Fence
from reconciler.journal import rows
from reconciler.journal.entry import Entry
from reconciler.loop.stopwatch import LONGEST

if TYPE_CHECKING:
    from sim_history import History
    from sim_process import Process
    from sim_world import Place

TURNS = 3  # rollbacks of one desired digest between two words of a person


class Laws:
    """Called by the world at everything that happens to it; keeps what it finds broken."""

    def __init__(self, history: History) -> None:
        self._history = history
        self.breaches: list[str] = []
        self._states: dict[str, State] = defaultdict(State)
        self._intents: dict[tuple[str, int], list[Intended]] = defaultdict(list)
        self._looked: dict[str, int] = defaultdict(int)
        self._turned: dict[str, int] = defaultdict(int)
        self._soaking: dict[str, tuple[float, int]] = {}  # since when, and after how many jumps of the clock
        self._began: dict[str, tuple[float, int]] = {}
        self.orders = OrderLaws(history, self.breach)
        self._limits: dict[str, tuple[float, float]] = {}  # soak and progress deadline, at the latest decision on them

    def breach(self, said: str) -> None:
        self.breaches.append(said)
        self._history.say("law", lambda: f"BROKEN: {said}")

    # ---- what is on record

    def state(self, name: str) -> State:
        """The journal's truth about one environment, now; every entry is judged when it is first seen."""
        state = self._states[name]
        if not self._history.disk.written:
            return state
        for row in rows.page(self._history.disk.witness, name, state.seq, -1):
            entry = row.entry()
            self._judge(name, state, entry)
            state = fold(state, entry.event, elapsed=entry.elapsed, seq=entry.seq)
        self._states[name] = state
        return state

    def _judge(self, name: str, state: State, entry: Entry) -> None:
        event = entry.event
        self._history.say(f"{name} journal", lambda: f"{entry.seq} by {entry.actor}: {event}")
        self.orders.entry(name, state, entry)
        if 0 < entry.generation < state.generation:
            self.breach(f"law 5: generation {entry.generation} writes entry {entry.seq} after {state.generation}")
        match event:
            case Intended():
                self._intents[name, entry.generation].append(event)
                self._history.places[name].gateway.stands_from_now()
                if state.intent is not None:
                    self.breach(f"law 8: entry {entry.seq} intends while another intent is open")
                if not (event.rule and len(event.revision) == 40 and entry.generation) and isinstance(event.act, Route):
                    self.breach(f"law 20: entry {entry.seq} moves weights without rule, revision and generation")
            case Applied() if state.intent is None:
                self.breach(f"law 8: entry {entry.seq} is an outcome without an intent")
            case Applied(result=Result.DONE) if state.intent and isinstance(state.intent.act, Route):
                if state.intent.act.after not in self._history.places[name].gateway.stood:
                    self.breach(f"law 8: entry {entry.seq} says that the gateway stands so, and it never did")
            case Accepted(revision=revision) if state.accepted and not state.accept_rewritten:
                if not self._history.git.descends(revision, state.accepted.revision):
                    self.breach(f"law 14: {revision[:8]} comes into force after {state.accepted.revision[:8]}")
                self._turned[name] = 0
            case Requested() | Accepted() | DrillBegan():
                self._turned[name] = 0
            case SoakBegan():
                self._soaking[name] = (self._history.looked, self._history.clock.jumps)
            case Began(newcomer=newcomer, revision=revision, drill=None):  # nobody has asked for a drill in git
                if not self._asked(name, revision, newcomer):
                    self.breach(f"law git: {newcomer} begins by {revision[:8] or 'no commit'}, which asks for another")
                self._began[name] = (self._history.looked, self._history.clock.jumps)
            case Ended(phase=Phase.SUCCEEDED):
                self._lasted("soak", self._soaking[name], self._limits[name][0])
            case RollbackBegan(condition=condition):
                if condition == "ProgressDeadlineExceeded":
                    self._lasted("deadline", self._began[name], self._limits[name][1])
                self._turned[name] += 1
                if self._turned[name] > TURNS:
                    self.breach(f"law 13: the {self._turned[name]}th change of direction for one desired state")

    def _asked(self, name: str, revision: str, newcomer: Release) -> bool:
        """Does the file at that revision ask for it? What nobody asked for was adopted."""
        text = self._history.git.files(revision).get(f"environments/{name}.yaml")
        found = read(text, name) if text else None
        return not revision or (isinstance(found, Manifest) and found.spec.target == newcomer)

    # ---- what a process decides

    def edge(self, edge: Edge) -> None:
        for said in broken(edge):
            self.breach(said)
        self.orders.edge(edge)
        answer = edge.decision.answer
        if isinstance(answer, Do) and edge.state.intent is not None:
            self.breach("law 8: a second act while an intent is open")
        if edge.spec and isinstance(answer, Do) and isinstance(answer.act, Route) and answer.act.advance:
            self._proved(self._history.places[edge.spec.environment], edge)
        if edge.spec and isinstance(answer, Record) and isinstance(answer.event, Ended | RollbackBegan):
            self._limits[edge.spec.environment] = (edge.spec.soak, edge.spec.progress_deadline)

    def _proved(self, place: Place, edge: Edge) -> None:
        """A good verdict is one that the gate has really given, about this version at this rung, and not earlier."""
        for said in edge.observed.gates:
            if said.outcome is Outcome.SUCCESSFUL and not any(_covers(one, said) for one in place.good):
                self.breach(f"law 3: {said.name} counts as good at {said.window.rung} %, and never said so")

    def _lasted(self, what: str, since: tuple[float, int], limit: float) -> None:
        """A soak, a deadline lasts as long as it says, on whatever clock: by true time, at its fastest rate, and with
        what one look may account for at each of its jumps."""
        history, (began, jumps) = self._history, since
        lasted, jumped = history.timeline.now - began, history.clock.jumps - jumps
        if lasted * history.clock.fastest + LONGEST_LAWFUL * jumped < limit - 0.001:
            self.breach(f"law 18: a {what} of {limit:g} s was over after {lasted:g} s")

    # ---- standing orders, and what reaches git

    def asked_at(self, place: Place) -> int:
        """The entry that asked what is asked now."""
        self.state(place.name)
        return self.orders.question[place.name]

    def puts_back(self, place: Place, act: PutBack) -> None:
        self.orders.puts_back(place, self.state(place.name), act)

    # ---- what reaches the gateway

    def looked(self, place: Place, process: Process) -> None:
        generation = process.session.keeper(place.name).generation
        self._looked[place.name] = max(generation, self._looked[place.name])

    def asked(self, place: Place, routing: Routing, expected: GatewayReading, generation: int) -> None:
        """No record, no act: whoever sends a command has its intent on the disk."""
        self.state(place.name)
        if not self._on_record(place, routing, expected, generation):
            self.breach("law 8: a command is sent whose intent is not durable")

    def _on_record(self, place: Place, routing: Routing, expected: GatewayReading, generation: int) -> bool:
        intents = self._intents[place.name, generation][-1:]
        return [(i.act.after, i.act.before) for i in intents if isinstance(i.act, Route)] == [
            (routing, expected.weights)
        ]

    def effect(
        self, place: Place, found: GatewayReading, routing: Routing, expected: GatewayReading, generation: int
    ) -> None:
        """A command of ours is about to change the gateway."""
        state, after = self.state(place.name), routing.weights
        if after.blue + after.green != 100 or min(after.blue, after.green) < 0:
            self.breach(f"law 1: {after} is no whole")
        latest = self._looked[place.name]
        if place.gateway.fence is Fence.COMMIT and generation < latest:
            self.breach(f"law 5: generation {generation} changes the gateway after {latest} has looked at it")
        if (found.incarnation, found.stamp) != (expected.incarnation, expected.stamp):
            self.breach("law 6: a command for another life or reading of the gateway is applied")
        if found.weights != expected.weights:
            self.breach("law 7: the gateway was not what the command was computed from")
        acts = [intent.act for intent in self._intents[place.name, generation]]
        if not any(isinstance(act, Route) and act.after == routing for act in acts):
            self.breach("law 20: the weights change without an entry")
        if place.gateway.fence is Fence.DETECT and generation < latest:
            return  # such a gateway cannot refuse it: it is seen afterwards, as drift, and healed
        raised = [s for s in Slot if found.up and found.weights and after[s] > found.weights[s]]
        for slot in raised:
            self._rises(state, slot, after[slot])

    def _rises(self, state: State, slot: Slot, weight: int) -> None:
        t = state.transition
        if t is None:
            if state.stable and slot is not state.stable.slot and not state.claim:
                self.breach(f"law 2: {slot} rises to {weight} without a transition")
            return
        if t.newcomer.slot is not slot:
            return
        if t.going_back:
            self.breach(f"law 11: {t.newcomer} rises to {weight} on the way back")
        if state.is_held(t.newcomer.version):
            self.breach(f"law 4: {t.newcomer} is held, and rises to {weight}")
        higher = [step.weight for step in t.steps if isinstance(step, SetWeight) and step.weight > t.rung]
        if weight > max(t.rung, min(higher, default=0)):
            self.breach(f"law 2: {t.newcomer} rises to {weight} from rung {t.rung}")

    # ---- what reaches the members

    def members(self, place: Place) -> None:
        workers = [place.members.all["worker", slot] for slot in Slot]
        owners = [one.slot for one in workers if one.owns and one.status in ALIVE]
        if len(owners) > 1:
            self.breach("law 21: two owners of the worker")

    def started(self, place: Place, one: Instance, process: Process) -> None:
        state = self.state(place.name)
        if state.suspended and not (state.transition and state.transition.going_back):
            self.breach(f"law 19: {one.name} in {one.slot} is started while suspended")
        self._ours(place, process, f"{one.name} in {one.slot} is started")

    def stopped(self, place: Place, one: Instance, process: Process) -> None:
        gateway = place.gateway
        self._ours(place, process, f"{one.name} in {one.slot} is stopped")
        serves = gateway.up and gateway.weights and gateway.weights[one.slot] and not gateway.by_hand
        asked_for = self.state(place.name).down  # a gateway that is not ours to close goes on listening
        if serves and one.traffic is Traffic.WEIGHTED and not asked_for:
            self.breach(f"law 10: {one.name} in {one.slot} is stopped, and users are sent there")

    def _ours(self, place: Place, process: Process, what: str) -> None:
        generation = process.session.keeper(place.name).generation
        if generation < self._looked[place.name]:
            self.breach(f"law 5: {what} by generation {generation}, after {self._looked[place.name]} has looked")


def _covers(real: GateReading, said: GateReading) -> bool:
    asked, told = (replace(one.window, opened=0.0, fair=0.0) for one in (real, said))  # it may be asked for a part
    same = (real.name, asked) == (said.name, told)
    return same and real.window.opened >= said.window.opened


LONGEST_LAWFUL = LONGEST  # as shipped: a defect that changes the module's own must not change the law
