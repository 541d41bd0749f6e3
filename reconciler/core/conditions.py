"""Where an environment stands, in the field's words, and what to type next."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.core.diff import differences, standing
from reconciler.core.events import Phase
from reconciler.core.freezing import untouched
from reconciler.core.gates import EARLY
from reconciler.core.migrating import said
from reconciler.core.model import Desired, Outcome, Release, Spec, Weights
from reconciler.core.plan import Decision
from reconciler.core.reading import MemberStatus, MigrationStatus, Observed
from reconciler.core.restoring import unfinished
from reconciler.core.situation import Do, Record, Situation, Wait
from reconciler.core.state import State, Transition
from reconciler.core.telling import pending, unnoted

IN_SYNC, ERROR, CHANGES, BLOCKED, ROLLED_BACK, USAGE = 0, 1, 2, 3, 4, 64  # exit codes

STALLED = frozenset(
    {
        "RevisionHeld", "StablePinned", "AdoptionNeeded", "DesiredInvalid", "RevisionUnverified", "BranchRewritten",
        "GatewayChanged", "VersionMismatch", "Refused", "DrillAway", "RestoreUnfinished",
    }
)  # fmt: skip


NEXT = {
    "InSync": "nothing to do; commit a change of activeSlot to switch",
    "RevisionHeld": "set activeSlot back, or pin another version, and commit; or: reconcile retry {env} -m WHY",
    "Paused": "reconcile resume {env}",
    "Suspended": "reconcile resume {env}",
    "Down": "reconcile resume {env}",
    "WaitingApproval": "reconcile approve {env}, or: reconcile reject {env} -m WHY",
    "Frozen": "wait until it opens, or: reconcile resume {env} --override-freeze -m WHY",
    "PromotionAwaited": "reconcile promote {env}",
    "Holding": "reconcile abort {env}, or: reconcile resume {env}",
    "AdoptionNeeded": "reconcile adopt {env} --stable blue|green",
    "DesiredInvalid": "reconcile validate",
    "RevisionUnverified": "sign on top of it, with a key that is known here: git commit --allow-empty -S",
    "StablePinned": "put the serving slot's version back; pin the new one in the other slot, and make that active",
    "BranchRewritten": "reconcile retry {env} --accept-rewritten -m WHY",
    "GatewayUnreachable": "mend what is said above; until the gateway can be read nothing moves",
    "Refused": "mend what stands in the way; it is tried again by itself",
    "GatewayChanged": "reconcile down {env}, then: reconcile resume {env}",
    "DrillAway": "reconcile retry {env} -m WHY",
    "RestoreUnfinished": "reconcile restore {env} --in-place",
    "Drifted": "mend the gateway's weights by hand, or set driftDetection: {{mode: enabled}}",
    "StableDegraded": "mend what is said above; or say which slot is good: reconcile adopt {env} --stable blue|green",
    "OwnerUnknown": "see whether it has stopped; then: reconcile handover {env} --force --from SLOT -m WHY",
}

OPEN = (MigrationStatus.RUNNING, MigrationStatus.UNKNOWN)
AT_DATA = {"take-snapshot": "TakingSnapshot", "try-restore": "TryingRestore"}


@dataclass(frozen=True, slots=True)
class Condition:
    type: str  # Ready, Reconciling, Stalled, Drifted
    status: bool
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """One environment in one screen; every field is a plain value, fit for JSON."""

    environment: str
    sync: str
    health: str
    phase: str
    stable: Release | None
    target: Release | None
    newcomer: Release | None
    weights: Weights | None
    rung: int | None
    revision: str
    conditions: tuple[Condition, ...]
    reason: str
    message: str
    exit_code: int


def what_next(reason: str, environment: str, default: str) -> str:
    """What to type, or to do, where an environment stands so; `default` (with `{env}`) where the reason alone does not
    say it."""
    return NEXT.get(reason, default).format(env=environment)


def unpin(environment: str, stable: Release, target: Release | None) -> str:
    """What to type where the version that serves was changed in place: put it back, and ask for the new one in the
    other slot. A configuration, which is part of a version behind `#`, no command changes."""
    if "#" in f"{stable}{target}":
        return NEXT["StablePinned"]
    back, other = f"reconcile pin {environment} {stable.slot} {stable.version}", stable.slot.other
    if target is None or target.slot is other:
        return back
    anew = f"reconcile pin {environment} {other} {target.version}"
    return f"{back}; then: {anew}, reconcile switch {environment} {other}"


def status(desired: Desired, observed: Observed, state: State, decision: Decision) -> Status:
    """The words for what was found and decided."""
    standpoint = standing(desired, state)
    spec, transition = standpoint.spec, state.transition
    wait = _as_noted(decision, spec, transition) or _as_judged(_waiting(decision), state)
    if wait is None and spec is not None:  # whatever is being done meanwhile
        wait = unfinished(state, spec.environment)
    reason, message = (wait.reason, wait.message) if wait else (decision.rule, _doing(decision))
    gateway = observed.gateway
    return Status(
        environment=spec.environment if spec else "",
        sync=_sync(spec, observed, state, standpoint.refused),
        health=_health(spec, observed, state, wait),
        phase=str(_phase(state, wait)),
        stable=state.stable,
        target=_asked(desired, spec),
        newcomer=transition.newcomer if transition else None,
        weights=gateway.weights if gateway and gateway.up else None,
        rung=transition.rung if transition else None,
        revision=desired.revision,
        conditions=(
            *_conditions(state, wait, standpoint.refused, reason, message),
            *_untold(desired, observed, state),
        ),
        reason=reason,
        message=message,
        exit_code=_exit_code(spec, state, wait),
    )


def _waiting(decision: Decision) -> Wait | None:
    return decision.answer if isinstance(decision.answer, Wait) else None


def _as_noted(decision: Decision, spec: Spec | None, transition: Transition | None) -> Wait | None:
    """Nor does it know of a migration, or of a recovery point: what was known last is on record, and holds until that
    is another."""
    if transition and transition.saving and decision.rule in AT_DATA:
        return Wait(AT_DATA[decision.rule], _doing(decision))
    known = transition.noted if transition and decision.rule == "migrate" else None
    if spec is None or known is None or known.migration != spec.migration or known.status not in OPEN:
        return None
    wait = _waiting(decision)
    return said(spec.environment, known) if wait is None or wait.reason == "NotReady" else None


def _as_judged(wait: Wait | None, state: State) -> Wait | None:
    """Who only looks does not ask the gates: what they said last is on record. That there is too little yet is how
    every window begins, and no reason to look for something amiss."""
    t = state.transition
    if wait is None or t is None or t.judged is None or wait.reason != "GatePending":
        return wait
    if t.judged is Outcome.INCONCLUSIVE and state.watched < t.judged_at + EARLY:
        return replace(wait, message=t.said)
    return replace(wait, reason=f"Gate{t.judged}", message=t.said)


def _doing(decision: Decision) -> str:
    match decision.answer:
        case Do(_, because):
            return because
        case Record(event):
            return type(event).__name__
        case _:
            return ""


def _asked(desired: Desired, spec: Spec | None) -> Release | None:
    """What git asks for, also where it is refused; what is in force where the head cannot be read."""
    asked = desired.head or spec
    return asked.target if asked else None


def _sync(spec: Spec | None, observed: Observed, state: State, refused: Wait | None) -> str:
    """Against what git asks for, not against what we make of it: a held or refused head is OutOfSync."""
    if spec is None or observed.gateway is None:
        return "Unknown"
    if refused or state.stable != spec.target or state.transition or state.drill:
        return "OutOfSync"
    return "OutOfSync" if differences(spec, observed, state) else "Synced"


def _health(spec: Spec | None, observed: Observed, state: State, wait: Wait | None) -> str:
    if state.suspended or state.down:
        return "Suspended"
    if spec is None or observed.gateway is None:
        return "Unknown"
    if state.transition or (state.stable is None and not (wait and wait.blocked)):
        return "Progressing"
    stable = state.stable
    if stable is None:
        return "Unknown"
    readings = observed.members[stable.slot]  # its exclusive members, too: at rest it owns them
    healthy = readings and all(r.status is MemberStatus.READY and r.version == stable.version for r in readings)
    return "Healthy" if healthy else "Degraded"


def _phase(state: State, wait: Wait | None) -> Phase | str:
    transition = state.transition
    if transition is None:
        if wait and wait.reason in STALLED:
            return Phase.STALLED
        return state.last.phase if state.last else "None"
    if transition.going_back:
        return Phase.ROLLING_BACK
    if state.paused or (wait and wait.reason in ("PromotionAwaited", "Holding")):
        return Phase.PAUSED
    if wait and wait.reason in ("WaitingApproval", "Frozen"):
        still = Phase.PENDING if untouched(transition) else Phase.PAUSED
        return Phase.WAITING_APPROVAL if wait.reason == "WaitingApproval" else still
    return transition.phase


def _conditions(
    state: State, wait: Wait | None, refused: Wait | None, reason: str, message: str
) -> tuple[Condition, ...]:
    stalled = refused or (wait if wait and wait.reason in STALLED else None)
    ready = wait is not None and wait.reason == "InSync" and refused is None
    busy = state.transition is not None or (wait is None)
    drift = state.drift
    return (
        Condition("Ready", ready, reason, message),
        Condition("Reconciling", busy and stalled is None, reason),
        Condition(
            "Stalled", stalled is not None, stalled.reason if stalled else "", stalled.message if stalled else ""
        ),
        Condition(
            "Drifted", drift is not None, "WeightsChanged" if drift else "", f"found {drift.found}" if drift else ""
        ),
    )


def _untold(desired: Desired, observed: Observed, state: State) -> tuple[Condition, ...]:
    """What git does not hold yet: a file that is to be put back, and the note of an end. And why."""
    found = standing(desired, state)
    kept = note = ""
    if found.spec is not None and state.transition is None:
        s = Situation(desired, found.spec, observed, state, state.watched, found.refused)
        kept, note = pending(s), unnoted(s)
    return (
        Condition("RevertPending", bool(kept), "GitInTheWay" if kept else "", kept),
        Condition("NotePending", bool(note), "GitRefuses" if note else "", note),
    )


def _exit_code(spec: Spec | None, state: State, wait: Wait | None) -> int:
    """0 in sync; 2 something is to be done or under way; 3 a person is waited for; 4 on the way back; 1 not well."""
    held = spec is not None and state.is_held(spec.target.version) is not None
    back = state.transition and state.transition.going_back and state.transition.ends is not Phase.SUPERSEDED
    if wait and wait.reason == "InSync":
        return IN_SYNC
    if (held and state.transition is None) or (wait and wait.blocked):
        return BLOCKED
    if back:
        return ROLLED_BACK
    return ERROR if wait and wait.alert else CHANGES
