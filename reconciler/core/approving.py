"""The rule of approvals: a stage begins only when somebody has agreed to exactly what would be done.

What is agreed to is a plan's digest. It holds what a reviewer rests on and what does not change by itself: who moves
where, what runs, the steps that are left, what the gates say. Values, times and counters change every second, and are
not in it.
"""

from __future__ import annotations

from hashlib import sha256

from reconciler.core.events import (
    Admitted,
    ApprovalAsked,
    ApprovalVoided,
    Approved,
    HoldBegan,
    Phase,
    RollbackBegan,
)
from reconciler.core.gates import SEVERITY, due, judged, pending, proof
from reconciler.core.model import Approvals, HandOver, Mode, Outcome, Slot, Stage
from reconciler.core.reading import MemberStatus, Vote
from reconciler.core.situation import Answer, Record, Situation, Wait
from reconciler.core.state import Question, Transition

AHEAD = 300.0  # seconds that a voter's clock may be ahead of ours


EARLY = (Stage.PREFLIGHT, Stage.MIGRATE)  # before anything of the newcomer is started


def approve_start(s: Situation) -> Answer | None:
    """Nothing is done for a newcomer before what comes first is approved."""
    t = s.transition
    return _approve(s, t, ahead(s, t)) if t and not t.going_back and ahead(s, t) in EARLY else None


def approve_stage(s: Situation) -> Answer | None:
    """The stage that comes next waits for its approval, when all before it is done and good."""
    t = s.transition
    return _approve(s, t, ahead(s, t)) if t and not t.going_back and ahead(s, t) not in EARLY else None


def _approve(s: Situation, t: Transition, stage: Stage | None) -> Answer | None:
    policy = s.spec.approvals
    if stage is None or policy is None or not wanting(s, t):
        return _withdrawn(t, "nothing is to be approved any more") if t.asked else None
    return _voided(s, t, stage) or _asked(s, t, stage) or _voted(s, t, policy) or _awaited(s, t, policy)


def wanting(s: Situation, t: Transition) -> bool:
    """The stage that comes next has no approval yet, and needs one."""
    return _wanted(s, t, ahead(s, t))


def _wanted(s: Situation, t: Transition, stage: Stage | None) -> bool:
    return s.spec.approvals is not None and stage in s.spec.approvals.before and stage not in t.admitted


def ahead(s: Situation, t: Transition) -> Stage | None:
    """The stage to which the next step forward belongs; None while there is none to take."""
    if t.cursor >= len(t.steps):
        over = t.phase is Phase.SOAKING and s.now >= t.since + s.spec.soak
        return Stage.FINALISE if over else None
    if isinstance(t.step, HandOver):
        return Stage.HAND_OVER
    if t.rung or Stage.PREFLIGHT in t.passed:
        return Stage.SHIFT
    early = EARLY if pending(t) and Stage.MIGRATE in t.passed else EARLY[:1]
    return next((stage for stage in early if _wanted(s, t, stage)), early[-1])


def plan(s: Situation, t: Transition, stage: Stage) -> str:
    """SHA-256, hexadecimal, of what an approval is about."""
    versions = [f"{slot} {name} {_running(s, slot, name)}" for slot in Slot for name in _names(s)]
    gates = [f"{gate.name} {Outcome.SUCCESSFUL}" for gate in due(s.spec, t) if gate.mode is Mode.ENFORCE]
    steps = [repr(step) for step in t.steps[t.cursor :]]
    whose = [t.id, stage, t.digest, str(t.stable), str(t.newcomer), str(t.rung), str(t.voided)]
    parts = [*whose, *versions, *steps, *gates]
    return sha256("\n".join(parts).encode()).hexdigest()


def _names(s: Situation) -> list[str]:
    return [member.name for member in s.spec.members]


def _running(s: Situation, slot: Slot, name: str) -> str:
    """The version that runs; of a member that does not tell just now, the one that was started last."""
    reading = s.reading(slot, name)
    if reading.status is MemberStatus.STOPPED:
        return "-"
    return reading.version or s.state.started[slot] or "?"


def _voided(s: Situation, t: Transition, stage: Stage) -> Record | None:
    """What was asked is not what would be done any more."""
    if t.asked is None:
        return None
    if t.asked.stage is not stage:
        return _withdrawn(t, f"{stage} comes next now")
    bad = worst(s, t)
    if bad:
        return _withdrawn(t, bad)
    return None if t.asked.plan == plan(s, t, stage) else _withdrawn(t, "what would be done, or what runs, has changed")


def _withdrawn(t: Transition, why: str) -> Record:
    assert t.asked is not None
    return Record(ApprovalVoided(t.asked.stage, t.asked.plan, why))


def worst(s: Situation, t: Transition) -> str:
    """The enforced gate that has left Successful for sure; empty while it only has not answered again yet."""
    current = {found.name: found for found in s.observed.gates if found.window == t.window}
    enforced = [judged(gate, current.get(gate.name)) for gate in due(s.spec, t) if gate.mode is Mode.ENFORCE]
    left = [said for said in enforced if said.outcome in (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE)]
    return min(left, key=lambda said: SEVERITY.index(said.outcome)).reason if left else ""


def _asked(s: Situation, t: Transition, stage: Stage) -> Answer | None:
    """A question is asked when everything before it is good: what is not can be seen, and is not asked about."""
    if t.asked:
        return None
    nothing_yet = not due(s.spec, t)  # before the preflight nothing of the newcomer runs, and no gate is asked
    found = proof(s.spec, t, s.observed.gates)
    if not (nothing_yet or found.good):
        return Wait(f"Gate{found.outcome}", found.reason)
    return Record(ApprovalAsked(stage, plan(s, t, stage), "" if nothing_yet else found.reason))


def _voted(s: Situation, t: Transition, policy: Approvals) -> Record | None:
    """Take in what is new; a no comes before any yes."""
    assert t.asked is not None
    counted = {agreed.vote for agreed in t.agreed}
    sound = [vote for vote in s.observed.votes if vote.id not in counted and not objection(vote, t.asked, policy)]
    for vote in sorted(sound, key=lambda vote: vote.approve):
        if not vote.approve:
            return _rejected(s, vote)
        asked = t.asked
        return Record(
            Approved(asked.stage, asked.plan, vote.by, vote.id, max(0.0, vote.age), vote.verified, vote.reason)
        )
    names = voters(t, policy, s.now)
    if len(names) >= policy.minimum and not _unread(s, t):
        return Record(Admitted(t.asked.stage, t.asked.plan, names))
    return None


def _rejected(s: Situation, vote: Vote) -> Record:
    why = f"{vote.stage} was rejected by {vote.by}{': ' + vote.reason if vote.reason else ''}"
    if s.state.outgrown:  # nothing leads back from migrated data but a person's `abort`
        return Record(HoldBegan(f"Rejected: {why}"))
    return Record(RollbackBegan(Phase.ABORTED, "Rejected", why, hold=True))


def _unread(s: Situation, t: Transition) -> bool:
    """A gate has not answered again (a restart of ours): what was agreed to is not known to hold now."""
    return bool(due(s.spec, t)) and not proof(s.spec, t, s.observed.gates).good


def voters(t: Transition, policy: Approvals, now: float) -> tuple[str, ...]:
    """Who has agreed to what is asked, each once, as far as that is not too long ago."""
    fresh = [agreed.by for agreed in t.agreed if agreed.age + now - agreed.at < policy.expires]
    return tuple(dict.fromkeys(fresh))


def objection(vote: Vote, asked: Question, policy: Approvals) -> str:
    """Why a vote does not count; empty when it does."""
    if (vote.stage, vote.plan) != (asked.stage, asked.plan):
        return "is about another plan than the one that is asked about now"
    if vote.age < -AHEAD:
        return f"lies {-vote.age:.0f} s in the future: a clock is wrong"
    if vote.age >= policy.expires:
        return "has expired"
    if policy.signed and not vote.verified:
        return "is not signed by a key that the operator's file knows"
    if policy.approvers and vote.by not in policy.approvers:
        return "is not by one of the approvers"
    if vote.approve and not policy.self_approval and vote.author is not False:
        return "is by the author of the change" if vote.author else "may be by the author of the change"
    return ""


def _awaited(s: Situation, t: Transition, policy: Approvals) -> Wait:
    """Who may approve, what for, since when; and whose word does not count, and why."""
    assert t.asked is not None
    names, asked = voters(t, policy, s.now), t.asked
    if len(names) >= policy.minimum:
        return Wait("GatePending", f"{asked.stage} is approved; the gates are read again first")
    who = " or ".join(policy.approvers) or "anybody who may write to the repository"
    missing = policy.minimum - len(names)
    so_far = f"; {', '.join(names)} agreed, {missing} missing" if names else ""
    vain = [f"; the vote of {vote.by} {why}" for vote in s.observed.votes if (why := _told(vote, t, policy))]
    unread = f"; votes cannot be read: {s.observed.votes_unread}" if s.observed.votes_unread else ""
    command = f"reconcile approve {s.spec.environment} --stage {asked.stage}"
    told = f"{so_far}{''.join(vain[-3:])}{unread}"
    message = f"{asked.stage} of {t.newcomer} waits for {who}{told}; review with: {command}"
    return Wait("WaitingApproval", message, until=asked.since + policy.deadline, blocked=True, alert=True)


def _told(vote: Vote, t: Transition, policy: Approvals) -> str:
    counted = any(agreed.vote == vote.id for agreed in t.agreed)
    return "" if counted or t.asked is None else objection(vote, t.asked, policy)


def overdue(s: Situation, t: Transition) -> tuple[str, str] | None:
    """Nobody has agreed in time."""
    policy = s.spec.approvals
    if policy is None or t.asked is None or s.now < t.asked.since + policy.deadline:
        return None
    return "ApprovalDeadline", f"nobody approved {t.asked.stage} within {policy.deadline:g} s"
