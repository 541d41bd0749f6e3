"""The world as it would be after an act, in pure values: what preview walks through and models build on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.core.gates import due
from reconciler.core.model import Member, Outcome, Pair, Slot, Spec
from reconciler.core.reading import (
    GateReading,
    GatewayReading,
    MemberReading,
    MemberStatus,
    MigrationReading,
    MigrationStatus,
    Observed,
    SnapshotReading,
    SnapshotStatus,
    Stamp,
    Trial,
)
from reconciler.core.state import State
from reconciler.core.steps import Act, CloseGateway, Migrate, PutBack, Route, Start, Stop, TakeSnapshot, TryRestore

SETTLED = {MemberStatus.UNREADY: MemberStatus.READY, MemberStatus.STOPPING: MemberStatus.STOPPED}
STANDBY = MemberStatus.STANDBY


@dataclass(frozen=True, slots=True)
class WhatIf:
    """At this rung, the gates say this."""

    rung: int
    outcome: Outcome


def perform(observed: Observed, spec: Spec, state: State, act: Act) -> Observed:
    """The world after `act`, done at once and entirely."""
    match act:
        case Start(slot, version, members, owner):
            idle = () if owner else tuple(name for name in members if name in spec.standbys)
            observed = _members(observed, spec, slot, members, MemberReading(MemberStatus.READY, version))
            return _members(observed, spec, slot, idle, MemberReading(STANDBY, version))
        case Stop(slot, members, owner):
            return _stopped(observed, spec, slot, members, owner=owner)
        case Route():
            return replace(observed, gateway=_routed(observed.gateway, state, act))
        case Migrate(_, _, transition, migration, only_ask):
            told = MigrationReading(MigrationStatus.APPLIED, transition, ran=not only_ask, migration=migration)
            return replace(observed, migration=told)
        case TakeSnapshot(_, _, transition, snapshot):
            return replace(observed, snapshot=SnapshotReading(SnapshotStatus.TAKEN, transition, snapshot))
        case TryRestore(_, _, transition, snapshot, name, digest):
            tried = SnapshotReading(SnapshotStatus.TRIED, transition, snapshot, name, digest, trial=Trial())
            return replace(observed, snapshot=tried)
        case PutBack() if observed.git:
            return replace(observed, git=replace(observed.git, asks=False))
        case CloseGateway() if observed.gateway:
            return replace(observed, gateway=replace(observed.gateway, up=False))
        case _:
            return observed


def _stopped(observed: Observed, spec: Spec, slot: Slot, members: tuple[str, ...], *, owner: bool) -> Observed:
    """Asked to let go, those that can stand by live on at their version."""
    there = zip(spec.members, observed.members[slot], strict=True)
    lives = {m.name: old for m, old in there if owner and m.standby and m.name in members}
    observed = _members(observed, spec, slot, members, MemberReading(MemberStatus.STOPPED))
    for name, old in lives.items():
        if old.status is not MemberStatus.STOPPED:
            observed = _members(observed, spec, slot, (name,), MemberReading(STANDBY, old.version))
    return observed


def _members(observed: Observed, spec: Spec, slot: Slot, names: tuple[str, ...], reading: MemberReading) -> Observed:
    there = observed.members[slot]
    changed = tuple(reading if m.name in names else old for m, old in zip(spec.members, there, strict=True))
    return replace(observed, members=observed.members.replace(slot, changed))


def _routed(gateway: GatewayReading | None, state: State, act: Route) -> GatewayReading:
    after = act.after
    stamp = Stamp(state.journal, state.generation, state.seq)
    base = gateway or GatewayReading(True, None)
    return replace(
        base, up=True, weights=after.weights, admission=after.admission, fallback=after.fallback, stamp=stamp,
        incarnation=base.incarnation or "simulated",
    )  # fmt: skip


def settle(observed: Observed, spec: Spec) -> Observed:
    """What is on its way arrives: starting members are ready, stopping ones are gone; what can stand by does."""
    members = Pair(*(tuple(map(_settled, spec.members, observed.members[slot])) for slot in Slot))
    return replace(observed, members=members)


def _settled(member: Member, reading: MemberReading) -> MemberReading:
    status = SETTLED.get(reading.status, reading.status)
    if member.standby and status is not reading.status:
        status = STANDBY
    return replace(reading, status=status, version=None if status is MemberStatus.STOPPED else reading.version)


def judge(observed: Observed, spec: Spec, state: State, what_if: WhatIf | None = None) -> Observed:
    """Every gate that is due answers Successful about the present window, but for what is supposed to fail."""
    transition = state.transition
    if transition is None:
        return replace(observed, gates=())
    fails = what_if is not None and what_if.rung == transition.rung
    outcome = what_if.outcome if what_if and fails else Outcome.SUCCESSFUL
    reason = f"supposed to be {outcome} at {transition.rung} %" if fails else ""
    sure = outcome is Outcome.SUCCESSFUL
    gates = tuple(
        GateReading(g.name, outcome, transition.window, reason=reason, confident=sure) for g in due(spec, transition)
    )
    return replace(observed, gates=gates)
