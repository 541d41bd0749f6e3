"""Which desired state is in force, and how the world differs from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.core.drilling import anchored, anchors, rehearsed
from reconciler.core.model import Desired, Release, Spec, Traffic, all_on
from reconciler.core.reading import MemberStatus, Observed
from reconciler.core.situation import Wait
from reconciler.core.state import State


@dataclass(frozen=True, slots=True)
class Standing:
    """The outcome of looking at the branch's head: what is in force, whether the head is new, why it is refused."""

    spec: Spec | None
    new: bool = False
    refused: Wait | None = None


def standing(desired: Desired, state: State) -> Standing:
    """What of git is in force; while a drill is on, laid over with what it rehearses."""
    found = _of_git(desired, state)
    return found if found.spec is None or found.new else replace(found, spec=rehearsed(found.spec, state))


def _of_git(desired: Desired, state: State) -> Standing:
    """A head that is invalid, rewritten, or would change stable under its users leaves the last good state in force."""
    head, accepted = desired.head, state.accepted
    if head is None:
        return Standing(desired.in_force, refused=_refusal(desired.reason, desired.problem))
    if accepted and head.digest == accepted.digest:
        return Standing(head, refused=_stable_pinned(head, state))  # adopted at another version than git pins
    refused = _unacceptable(desired, head, state)
    return Standing(desired.in_force, refused=refused) if refused else Standing(head, new=True)


def _unacceptable(desired: Desired, head: Spec, state: State) -> Wait | None:
    name = head.environment
    if state.accepted and not desired.forward and not state.accept_rewritten:
        return _refusal(
            "BranchRewritten",
            f"{desired.revision[:12]} does not descend from {state.accepted.revision[:12]}, which is in force;"
            f" if the branch was rewritten on purpose: reconcile retry {name} --accept-rewritten -m WHY",
        )
    pinned = _stable_pinned(head, state)
    if pinned:
        return pinned
    moved = state.accepted and state.accepted.gateway and head.gateway != state.accepted.gateway
    if moved and state.stable and not state.went_down:
        return _refusal(
            "GatewayChanged",
            "the gateway's address, kind or routes, and what members run in, cannot change under traffic;"
            f" revert it, or plan a stop: reconcile down {name}, then reconcile resume {name}",
        )
    return None


def _stable_pinned(head: Spec, state: State) -> Wait | None:
    if anchored(head, state):
        return None
    moving = state.transition is not None or state.drill is not None
    return _refusal("StablePinned", _pinned(head, anchors(state)[0], moving=moving))


def _pinned(head: Spec, stable: Release, *, moving: bool) -> str:
    wish = head.pinned(stable.slot) or "nothing"
    if moving:
        return f"{stable} is what a rollback returns to; {stable.slot}: {wish} waits until that is over"
    return (
        f"{stable} serves the users and cannot be changed in place to {wish};"
        f" pin the new version in {stable.slot.other} and make that the active slot"
    )


def _refusal(reason: str, message: str) -> Wait:
    return Wait(reason, message, blocked=True)


def effective(spec: Spec, state: State) -> Release:
    """What the world should be now: git's target, or stable while the target is held."""
    if state.stable and state.is_held(spec.target.version):
        return state.stable
    return spec.target


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of the preview: what it is about, what is there, what should be."""

    what: str
    found: str
    wanted: str


def differences(spec: Spec, observed: Observed, state: State) -> tuple[Difference, ...]:
    """Observed against effective desired. Unknown is shown as unknown, never as 0."""
    wanted = effective(spec, state)
    found = [*_traffic(observed, wanted), *_versions(spec, observed, wanted)]
    return tuple(found)


def _traffic(observed: Observed, wanted: Release) -> list[Difference]:
    gateway = observed.gateway
    want = f"{wanted.slot} 100 %"
    if gateway is None:
        return [Difference("traffic", "unknown", want)]
    if not gateway.up or gateway.weights is None:
        return [Difference("traffic", "gateway is down" if not gateway.up else "no routes", want)]
    if gateway.weights == all_on(wanted.slot):
        return []
    shown = ", ".join(f"{slot} {gateway.weights[slot]} %" for slot in (wanted.slot.other, wanted.slot))
    return [Difference("traffic", shown, want)]


def _versions(spec: Spec, observed: Observed, wanted: Release) -> list[Difference]:
    found = []
    for member, reading in zip(spec.members, observed.members[wanted.slot], strict=False):
        ready = reading.status is MemberStatus.READY and reading.version == wanted.version
        if not ready:
            kind = "owner of " if member.traffic is Traffic.EXCLUSIVE else ""
            shown = f"{reading.status}{' ' + reading.version if reading.version else ''}"
            found.append(Difference(f"{kind}{member.name} in {wanted.slot}", shown, f"ready {wanted.version}"))
    return found
