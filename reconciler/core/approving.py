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
from reconciler.core.freezing import shut
from reconciler.core.gates import SEVERITY, due, judged, pending, proof
from reconciler.core.model import Approvals, HandOver, Mode, Outcome, Slot, Stage
from reconciler.core.reading import GateReading, MemberStatus, Vote
from reconciler.core.situation import REPEAT_AFTER, Answer, Record, Situation, Wait
from reconciler.core.state import Question, Transition
from reconciler.core.voting import uncounted, unheard, voters, whom

EARLY = (Stage.PREFLIGHT, Stage.MIGRATE)  # before anything of the newcomer is started


def approve_start(s: Situation) -> Answer | None:
    """Nothing is done for a newcomer before what comes first is approved."""
    t = s.transition
    return _approve(s, t, ahead(s, t)) if t and not t.going_back and ahead(s, t) in EARLY else None


def approve_stage(s: Situation) -> Answer | None:
    """The stage that comes next waits for its approval, when all before it is done and good."""
    t = s.transition
    return _approve(s, t, ahead(s, t)) if t and not t.going_back and ahead(s, t) not in EARLY else None


def hear(s: Situation) -> Answer | None:
    """What people say, and what gates find, counts also while it stands still, for whatever other reason."""
    t, policy = s.transition, s.spec.approvals
    if t is None or t.going_back or t.asked is None or policy is None:
        return None
    bad = worst(s, t)
    return _withdrawn(t, bad) if bad else _voted(s, t, policy)


def _approve(s: Situation, t: Transition, stage: Stage | None) -> Answer | None:
    policy = s.spec.approvals
    if stage is None or policy is None or stage not in policy.before:
        return _withdrawn(t, "nothing is to be approved any more") if t.asked else None
    if t.asked is None:
        return _asked(s, t, stage) if wanting(s, t) else None
    return _changed(s, t, stage) or (_admitted(s, t, policy) if t.asking else _meant(s, t, policy))


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
    versions = [member.name for member in s.spec.members] + list(running(s, t.asked))
    gates = [f"{gate.name} {Outcome.SUCCESSFUL}" for gate in due(s.spec, t) if gate.mode is Mode.ENFORCE]
    steps = [repr(step) for step in t.steps[t.cursor :]]
    whose = [s.state.journal, t.id, stage, t.digest, str(t.stable), str(t.newcomer), str(t.rung), str(t.voided)]
    parts = [*whose, *versions, *steps, *gates]
    return sha256("\n".join(parts).encode()).hexdigest()


def running(s: Situation, asked: Question | None) -> tuple[str, ...]:
    """What each member runs, blue's first. Of one that cannot be read it is what was read when it was asked about."""
    places = [(slot, member.name) for slot in Slot for member in s.spec.members]
    known = asked.runs if asked else ()
    before = (*known, *[""] * (len(places) - len(known)))
    return tuple(_running(s, slot, name, old) for (slot, name), old in zip(places, before, strict=False))


def _running(s: Situation, slot: Slot, name: str, before: str) -> str:
    """Of a member that does not tell its version just now, the one that was started last."""
    reading = s.reading(slot, name)
    if reading.status is MemberStatus.STOPPED:
        return "-"
    known = before if reading.status is MemberStatus.UNKNOWN else ""
    return reading.version or known or s.state.started[slot] or "?"


def _changed(s: Situation, t: Transition, stage: Stage) -> Record | None:
    """What was asked is not what would be done any more."""
    assert t.asked is not None
    if t.asked.stage is not stage:
        return _withdrawn(t, f"{stage} comes next now")
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


def _asked(s: Situation, t: Transition, stage: Stage) -> Answer:
    """A question is asked when everything before it is good: what is not can be seen, and is not asked about."""
    nothing_yet = not due(s.spec, t)  # before the preflight nothing of the newcomer runs, and no gate is asked
    found = proof(s.spec, t, s.observed.gates)
    if not (nothing_yet or found.good):
        return Wait(f"Gate{found.outcome}", found.reason)
    calm = _calm(t, nothing_yet)
    if s.now < calm:
        told = f"something was found; {stage} is asked about again when all has been good for {REPEAT_AFTER:g} s"
        return Wait("GateRunning", told, until=calm)
    return Record(ApprovalAsked(stage, plan(s, t, stage), _seen(s, t), running(s, None)))


def _calm(t: Transition, nothing_yet: bool) -> float:
    """From when it may be asked again: nobody answers a question that comes and goes with every look."""
    if t.voided_at is None:
        return 0.0
    good = t.judged_at if t.judged is Outcome.SUCCESSFUL and not nothing_yet else 0.0
    return max(t.voided_at, good) + REPEAT_AFTER


def _seen(s: Situation, t: Transition) -> str:
    """What there is to review of the gates, with the values that the plan leaves out."""
    current = (found for found in s.observed.gates if found.window == t.window)
    return "; ".join(_figures(found) for found in current) or "nothing of the newcomer has begun"


def _figures(found: GateReading) -> str:
    limit = f" (limit {found.limit})" if found.limit else ""
    samples = f", {found.samples} samples" if found.samples else ""
    return f"{found.name} {found.outcome}: {found.value or found.reason or 'no value'}{limit}{samples}"


def _voted(s: Situation, t: Transition, policy: Approvals) -> Record | None:
    """Take in what is new, as far as anybody is still missing; a no comes before any yes."""
    assert t.asked is not None
    missing = len(voters(s.observed.votes, t, policy, s.now)) < policy.minimum
    for vote in unheard(s.observed.votes, t, policy, s.now):
        if not vote.approve:
            return _rejected(s, t, vote)
        if missing:
            age, asked = max(0.0, vote.age), t.asked
            return Record(Approved(asked.stage, asked.plan, vote.by, vote.id, age, vote.verified, vote.reason))
    return None


def _rejected(s: Situation, t: Transition, vote: Vote) -> Record:
    why = f"{vote.stage} was rejected by {vote.by}{': ' + vote.reason if vote.reason else ''}"
    if s.state.outgrown:  # nothing leads back from migrated data but a person's `abort`
        return Record(HoldBegan(f"Rejected: {why}"))
    return Record(RollbackBegan(Phase.ABORTED, "Rejected", why, hold=t.drill is None))


def _unread(s: Situation, t: Transition) -> bool:
    """A gate has not answered again (a restart of ours): what was agreed to is not known to hold now."""
    return bool(due(s.spec, t)) and not proof(s.spec, t, s.observed.gates).good


def _admitted(s: Situation, t: Transition, policy: Approvals) -> Answer | None:
    """Enough agree, and it may go on now: admitted any earlier, it would only have to be asked again."""
    assert t.asked is not None
    names = voters(s.observed.votes, t, policy, s.now)
    if len(names) < policy.minimum:
        return _awaited(s, t, policy)
    if shut(s):
        return None  # the rule of windows says so
    if _unread(s, t):
        return Wait("GatePending", f"{t.asked.stage} is approved; the gates are read again first")
    return Record(Admitted(t.asked.stage, t.asked.plan, names))


def _meant(s: Situation, t: Transition, policy: Approvals) -> Answer | None:
    """Until the first step is taken, everybody who let it begin still means it."""
    assert t.asked is not None
    if t.asked.by and s.observed.votes_unread:
        return _awaited(s, t, policy)
    names = voters(s.observed.votes, t, policy, s.now)
    gone = [name for name in t.asked.by if name not in names]
    return _withdrawn(t, f"the approval of {gone[0]} does not count any more") if gone else None


def _awaited(s: Situation, t: Transition, policy: Approvals) -> Wait:
    """Who may approve, and what for; who has, and whose word does not count, and why."""
    assert t.asked is not None
    asked, unheard_of = t.asked, s.observed.votes_unread
    known = tuple(dict.fromkeys(agreed.by for agreed in t.agreed))
    names = known if unheard_of else voters(s.observed.votes, t, policy, s.now)
    missing = max(0, policy.minimum - len(names))
    so_far = f"; {', '.join(names)} agreed, {missing} missing" if names else ""
    vain = [f"; {told}" for told in uncounted(s.observed.votes, t, policy, s.now)]
    unread = f"; votes cannot be read: {unheard_of}" if unheard_of else ""
    command = f"reconcile approve {s.spec.environment} --stage {asked.stage}"
    told = f"{so_far}{''.join(vain[-3:])}{unread}"
    message = f"{asked.stage} of {t.newcomer} waits for {whom(policy)}{told}; review with: {command}"
    until = None if s.state.halted else s.state.watched + policy.deadline - t.waited
    return Wait("WaitingApproval", message, until=until, blocked=True, alert=True)


def overdue(s: Situation, t: Transition) -> tuple[str, str] | None:
    """Nobody has agreed in time: counted from the first question about this stage, however often it became void."""
    policy, stage = s.spec.approvals, t.waiting
    if policy is None or stage is None or ahead(s, t) is not stage or not wanting(s, t):
        return None
    waited = t.waited + (0.0 if s.state.halted else s.now - s.state.watched)
    if waited < policy.deadline or _enough(s, t, policy):
        return None
    return "ApprovalDeadline", f"nobody approved {stage} within {policy.deadline:g} s"


def _enough(s: Situation, t: Transition, policy: Approvals) -> bool:
    """Those who were missing have answered, at this very look."""
    new = unheard(s.observed.votes, t, policy, s.now)
    names = {*voters(s.observed.votes, t, policy, s.now), *(vote.by for vote in new if vote.approve)}
    return len(names) >= policy.minimum and not _unread(s, t)
