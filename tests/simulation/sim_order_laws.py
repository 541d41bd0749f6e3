"""The laws of approvals, windows, and of what git is told, as a witness sees them who knows whose word was whose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from core_laws import climbs
from core_world import Edge
from sim_orders import AUTHOR, SHUT_EVERY, SHUT_FOR, STRANGER, Ballot

from reconciler.core.events import (
    Accepted,
    Admitted,
    Applied,
    ApprovalAsked,
    Approved,
    Began,
    Requested,
    RollbackBegan,
    Verb,
)
from reconciler.core.model import Approvals
from reconciler.core.situation import Record, Wait
from reconciler.core.state import State
from reconciler.core.steps import PutBack, Result
from reconciler.journal.entry import Entry

if TYPE_CHECKING:
    from sim_history import History
    from sim_world import Place


class OrderLaws:
    """Part of `Laws`."""

    def __init__(self, history: History, breach: Callable[[str], None]) -> None:
        self._history, self._breach = history, breach
        self.question: dict[str, int] = defaultdict(int)  # the entry that asked last
        self._policies: dict[str, Approvals | None] = {}  # at the latest decision that rested on one
        self._agreed: dict[str, set[str]] = defaultdict(set)
        self._restored: dict[str, str] = {}  # the transition of which it is on record that its file was put back

    # ---- the journal

    def entry(self, name: str, state: State, entry: Entry) -> None:
        match entry.event:
            case ApprovalAsked():
                self.question[name], self._agreed[name] = entry.seq, set()
            case Approved() as event:
                self._counts(name, event)
            case Admitted(stage=stage):
                policy = self._policies.get(name)
                if policy is None or len(self._agreed[name]) < policy.minimum:
                    self._breach(f"law approval: {stage} is admitted by {sorted(self._agreed[name])}")
            case RollbackBegan(condition="Rejected"):
                if not any(not one.approve and self._sound(name, one) for one in self._ballots(name)):
                    self._breach("law approval: it is rejected, and nobody who may has said no")
            case Applied(result=Result.DONE) if state.intent and isinstance(state.intent.act, PutBack):
                self._restored[name] = state.intent.act.transition
            case Requested(verb=Verb.RETRY):
                pass
            case event:
                self._latch(name, state, event)

    def _ballots(self, name: str) -> list[Ballot]:
        return self._history.git.ballots[name]

    def _counts(self, name: str, event: Approved) -> None:
        ballot = next((one for one in self._ballots(name) if one.id == event.vote), None)
        if ballot is None or not ballot.approve or not self._sound(name, ballot) or ballot.plan != event.plan:
            self._breach(f"law approval: a vote counts that should not: {ballot}")
            return
        self._agreed[name].add(ballot.by)

    def _sound(self, name: str, ballot: Ballot) -> bool:
        """A wrong clock may make a word too old or too new, and keep it from counting; it never makes one sound."""
        policy = self._policies.get(name)
        if policy is None or ballot.question != self.question[name] or not ballot.verified or ballot.by == STRANGER:
            return False
        return ballot.by in policy.approvers and (policy.self_approval or ballot.by != AUTHOR or not ballot.approve)

    def _latch(self, name: str, state: State, event: object) -> None:
        """A held version is not begun again, unless another was pinned, or somebody retries."""
        held = isinstance(event, Began) and not event.back and state.is_held(event.newcomer.version)
        if held:
            self._breach("law 4: a held version begins again")
        if isinstance(event, Accepted) and state.stable:
            known = state.good[state.stable.slot]
            old = {known.pins.blue, known.pins.green} if known else set[str | None]()
            pins = {event.pins.blue, event.pins.green} - {None}
            lost = [one for one in state.held if one.ends_with(event.pins)]
            for one in lost:
                if not pins - old - {one.version} and not pins - {*one.before, one.version}:
                    self._breach(f"law 4: {one.version} is held no more, and nobody pins another")

    # ---- decisions

    def edge(self, edge: Edge) -> None:
        spec, t, answer = edge.spec, edge.state.transition, edge.decision.answer
        if spec is None:
            return
        if isinstance(answer, Record) and isinstance(answer.event, Approved | Admitted | RollbackBegan):
            self._policies[spec.environment] = spec.approvals
        if isinstance(answer, Wait) and t and t.going_back and answer.reason in ("Frozen", "WaitingApproval"):
            self._breach(f"law windows: the way back waits: {answer.reason}")
        through = edge.state.override is not None and edge.state.override[0] in (spec.digest, spec.base)
        if climbs(edge) and not through and self._shut(spec.environment, edge.state):
            self._breach("law windows: the newcomer rises in a closed window")

    def _shut(self, name: str, state: State) -> bool:
        """By this machine's clock, whatever that is: when the look began, and now."""
        accepted, history = state.accepted, self._history
        text = history.git.files(accepted.revision).get(f"environments/{name}.yaml", b"") if accepted else b""
        now = history.clock.now().timestamp()
        times = (now, now - (history.timeline.now - history.looked))
        return b"windows:" in text and all(1.0 < at % SHUT_EVERY < SHUT_FOR - 1.0 for at in times)

    # ---- git

    def puts_back(self, place: Place, state: State, act: PutBack) -> None:
        if state.transition:
            self._breach("law git: a file is put back while a transition is under way")
        if self._restored.get(place.name) == act.transition:
            self._breach("law git: a file is put back twice for one transition")
        if state.duty is None or state.duty.transition != act.transition:
            self._breach("law git: a file is put back of which nothing is due")
