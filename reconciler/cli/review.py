"""What is reviewed before a stage is approved: what would happen, what the gates say now, what is not well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.cli import gates as asking
from reconciler.cli.layout import paint
from reconciler.cli.once import Report, report
from reconciler.cli.screen import steps_table
from reconciler.core.gates import due
from reconciler.core.model import Approvals, Mode, Outcome, Spec
from reconciler.core.reading import GateReading
from reconciler.core.state import Question, State, Transition
from reconciler.core.voting import objection, person, uncounted, unheard, voters, whom
from reconciler.desired.authors import Authors
from reconciler.desired.beside import Beside
from reconciler.desired.signatures import signers_of
from reconciler.errors import ReconcilerError, UsageError
from reconciler.session import Session
from reconciler.wording import weights

GOOD = Outcome.SUCCESSFUL
BAD = (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class Review:
    """One question, and everything that there is to see before it is answered."""

    report: Report
    transition: Transition
    asked: Question
    policy: Approvals
    gates: asking.Round
    readings: Mapping[str, GateReading]
    never: str = ""  # why nobody's agreement would be enough

    @property
    def errors(self) -> list[str]:
        """What speaks against it, as far as it can be seen now."""
        spec, seen = self.gates.spec, self.report.observed
        enforced = [gate for gate in due(spec, self.transition) if gate.mode is Mode.ENFORCE]
        found = [(gate, self.readings.get(gate.name)) for gate in enforced]
        told = [f"{gate.name} is {one.outcome}: {one.reason}" for gate, one in found if one and one.outcome in BAD]
        told += [f"{gate.name} gave no answer" for gate, one in found if one is None or one.outcome not in (*BAD, GOOD)]
        told += [self.report.desired.problem] if self.report.desired.problem else []
        told += [f"the gateway cannot be read: {seen.detail}"] if seen.gateway is None else []
        drift = self.report.state.drift
        return [*told, *([f"somebody changed the weights: {weights(drift.found)}"] if drift else [])]

    @property
    def agreed(self) -> tuple[str, ...]:
        return voters(self.report.observed.votes, self.transition, self.policy, self.report.state.watched)

    def lines(self) -> list[str]:
        t, asked, spec = self.transition, self.asked, self.gates.spec
        road = self.report.road
        whose = f"{t.newcomer}, in a drill ({t.drill})," if t.drill else f"{t.newcomer}"
        lines = [
            f"{paint(self.report.name, bold=True)}: may {paint(str(asked.stage), bold=True)} of {whose} begin?",
            f"  stable {t.stable}, users on {t.newcomer.slot} {t.rung} %, revision {t.revision[:12]},"
            f" plan {asked.plan[:12]}",
            "what will happen, as if it were approved:",
            *(f"  {line}" for line in (steps_table(road, spec) if road else ["cannot be told now"])),
            "what the gates say now:",
            *(self._gates() or ["  none is asked yet: nothing of the newcomer has begun"]),
            f"rollback safe: {self.report.safe()}",
            "errors found: " + ("none" if not self.errors else ""),
            *(paint(f"  {error}", "red") for error in self.errors),
        ]
        return [*lines, *self._voices()]

    def _gates(self) -> list[str]:
        told = asking.lines(self.report.name, self.gates, self.readings)[1:] if self.gates.gates else []
        return [f"  {line.strip()}" for line in told]

    def _voices(self) -> list[str]:
        """Who may approve, who has, and whose vote does not count."""
        policy = self.policy
        now = self.report.state.watched
        agreed = self.agreed
        names = f": {', '.join(agreed)}" if agreed else ""
        said = f"asked: {whom(policy)}; {len(agreed)} of {policy.minimum} agreed{names}"
        never = [paint(f"  {self.never}", "red")] if self.never else []
        return [
            said,
            *never,
            *(f"  {told}" for told in uncounted(self.report.observed.votes, self.transition, policy, now)),
        ]

    def as_json(self) -> dict[str, Any]:
        road, policy = self.report.as_json(), self.policy
        return {
            "environment": self.report.name,
            "stage": self.asked.stage,
            "plan": self.asked.plan,
            "newcomer": str(self.transition.newcomer),
            "stable": str(self.transition.stable),
            "weight": self.transition.rung,
            "steps": road["steps"],
            "rollbackSafe": road["rollbackSafe"],
            "gates": asking.as_json(self.gates, self.readings)["gates"],
            "errors": self.errors,
            "approvers": list(policy.approvers),
            "minimum": policy.minimum,
            "agreed": list(self.agreed),
        }

    def text(self, output: str) -> list[str]:
        return [json.dumps(self.as_json(), default=str)] if output == "json" else self.lines()


def question(state: State, environment: str, stage: str | None) -> tuple[Transition, Question]:
    """What is asked now. Raises UsageError when nothing is, or something else."""
    t = state.transition
    if t is None or t.asked is None:
        why = f"{environment}: nothing waits for approval now; what it waits for: reconcile status {environment}"
        raise UsageError(why)
    if stage and stage != t.asked.stage:
        raise UsageError(f"{environment}: {t.asked.stage} waits for approval now, not {stage}")
    return t, t.asked


def review(session: Session, environment: str, stage: str | None) -> Review:
    """Look at everything, and ask the gates. Raises UsageError when nothing waits for approval."""
    (name,) = session.chosen((environment,))
    printed = f"what `reconcile approve {name} --tag` (or reject) prints"
    session.refuse_elsewhere(f"ask there for {printed}, and type the two commands at its end here")
    t, asked = question(session.state(name), name, stage)
    found = report(session, name)
    policy = _policy(found.spec, name)
    gates = _due(asking.Round.of(session.keeper(name), session.clock), t)
    readings = gates.run(None, asking.progress) if gates.gates else ()
    never = _never(session, name, t, policy, found.state)
    return Review(found, t, asked, policy, gates, {one.name: one for one in readings}, never)


def _never(session: Session, name: str, t: Transition, policy: Approvals, state: State) -> str:
    """Why too few of the approvers are left, when whoever made the change may not approve it; empty when enough are."""
    if policy.self_approval or not policy.approvers:
        return ""
    authors = Authors(session.repository, signers_of(session.configuration), session.clock)
    makers = authors.of(name, state.since[t.stable.slot] or "", t.revision).names
    out = [one for one in policy.approvers if person(one) in makers]
    left = len(policy.approvers) - len(out)
    if left >= policy.minimum:
        return ""
    why = f"{' and '.join(out)} made the change (selfApproval: false), and {policy.minimum} must agree"
    return f"this can never be approved: {why}; name more approvers, or let somebody else commit the change"


def standing(session: Session, found: Review, vote: str) -> str:
    """Whether a vote counts that was put into git after the review, and who is missing still, in words."""
    t, policy, now = found.transition, found.policy, found.report.state.watched
    name = found.report.name
    votes = Beside(name, session.votes, session.writing).votes(replace(found.report.state, transition=t))
    mine = next((one for one in votes if one.id == vote), None)
    why = objection(mine, found.asked, policy) if mine else "cannot be read just now"
    if why:
        return f"it does not count: it {why}"
    new = [one.by for one in unheard(votes, t, policy, now) if one.approve]
    names = {*voters(votes, t, policy, now), *new}
    missing = policy.minimum - len(names)
    if missing <= 0 or (mine and not mine.approve):
        return "it counts" + (", and nobody else is needed" if mine and mine.approve else "")
    rest = " or ".join(one for one in policy.approvers if person(one) not in names)
    return f"it counts, and {missing} more must agree{f': {rest}' if rest else ''}"


def _due(every: asking.Round, t: Transition) -> asking.Round:
    """Only those that the transition asks where it stands."""
    return replace(every, spec=replace(every.spec, gates=due(every.spec, t)))


def _policy(spec: Spec | None, name: str) -> Approvals:
    if spec is None or spec.approvals is None:
        raise ReconcilerError(f"{name}: the manifest in force asks for no approval any more")
    return spec.approvals
