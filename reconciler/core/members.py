"""Bringing a release up in a slot without traffic, emptying a slot, and moving exclusive members between slots.

Shared by the rules for staging, transitions, rollback and rest: each asks for the *next* step, or None when done.
"""

from __future__ import annotations

from reconciler.core.model import Admission, Pair, Release, Routing, Slot, Traffic, all_on, share
from reconciler.core.reading import MemberReading, MemberStatus
from reconciler.core.situation import ALIVE, IDLE, RUNNING, Do, Situation, Wait
from reconciler.core.state import Transition
from reconciler.core.steps import Route, StageFiles, Start, Stop, Warm

STOPPED, UNKNOWN, STANDBY = MemberStatus.STOPPED, MemberStatus.UNKNOWN, MemberStatus.STANDBY


def prepare(s: Situation, release: Release, *, warm: bool = True) -> Do | Wait | None:
    """The next step until every weighted member of `release` is ready and warm, and what can stand by does; None when
    it is so. Not `warm`: it is, or becomes, the owner."""
    slot, version = release.slot, release.version
    unknown = s.having(slot, UNKNOWN)
    if unknown:
        return Wait("MemberUnknown", f"{', '.join(unknown)} in {slot}: {_detail(s, slot, unknown[0])}")
    if s.runs(release):
        return _warm(s, release) if warm else None
    if s.state.files[slot] != version and s.state.started[slot] != version:
        return Do(StageFiles(slot, version), f"stage the files of {release}")  # before anything is stopped for it
    if s.misfits(release):
        return _replace(s, release)
    stopped = s.having(slot, STOPPED)
    if stopped:
        return Do(Start(slot, version, tuple(stopped)), f"start {', '.join(stopped)} in {slot}")
    waiting = [name for name, reading in s.readings(slot).items() if not _is(reading, version)]
    return Wait("NotReady", f"{', '.join(waiting)} in {slot}: {_detail(s, slot, waiting[0])}")


def _warm(s: Situation, release: Release) -> Do | Wait | None:
    warm = s.state.warm[release.slot] == release.version
    return _stand_by(s, release) or (None if warm else Do(Warm(release.slot, release.version), f"warm up {release}"))


def _stand_by(s: Situation, release: Release) -> Do | Wait | None:
    """Until all that can stand by are alive at this version, in standby (or as the owner already)."""
    slot, version = release.slot, release.version
    unknown, stopped = s.standing(slot, UNKNOWN), s.standing(slot, STOPPED)
    if unknown:
        return Wait("MemberUnknown", f"{', '.join(unknown)} in {slot}: {_detail(s, slot, unknown[0])}")
    others = [name for name in s.standing(slot, *RUNNING) if s.reading(slot, name).version not in (None, version)]
    if others and any(act.version == version for act in _started(s, slot, others[0])):
        return _lies(others[0], slot, s.reading(slot, others[0]).version, version)
    if others:
        return Do(Stop(slot, tuple(others)), f"make room for {release}")
    if stopped:
        return Do(Start(slot, version, tuple(stopped)), f"start {', '.join(stopped)} in {slot}, in standby")
    waiting = s.standing(slot, MemberStatus.UNREADY, MemberStatus.STOPPING)
    return Wait("NotReady", f"{', '.join(waiting)} in {slot}: {_detail(s, slot, waiting[0])}") if waiting else None


def _started(s: Situation, slot: Slot, name: str) -> list[Start]:
    """How a member was started last, as far as that is remembered."""
    return [act for act, _ in s.state.latest if isinstance(act, Start) and act.slot is slot and name in act.members]


def _replace(s: Situation, release: Release) -> Do | Wait | None:
    """Another version runs in the slot: empty it first. What we started as `release` and says otherwise lies."""
    misfits = s.misfits(release)
    if s.state.started[release.slot] == release.version:
        found = s.reading(release.slot, misfits[0]).version
        return _lies(misfits[0], release.slot, found, release.version)
    return vacate(s, release.slot) or Do(Stop(release.slot, tuple(misfits)), f"make room for {release}")


def vacate(s: Situation, slot: Slot) -> Do | Wait | None:
    """Until nothing is in flight in a slot without weight: nobody admitted, then drained (proved) or out of time."""
    gateway = s.gateway
    if gateway is None:
        return Wait("GatewayUnreachable", "whether the slot is empty cannot be read")
    if not gateway.up or gateway.weights is None:
        return None  # nobody gets in anywhere
    if gateway.weights[slot]:
        return Wait("SlotHasTraffic", f"{slot} still has {gateway.weights[slot]} %", alert=True)
    since = s.state.closed[slot]
    if gateway.admission[slot] is not Admission.CLOSED or since is None:
        admission = gateway.admission.replace(slot, Admission.CLOSED)
        return Do(Route(gateway.weights, Routing(gateway.weights, admission)), f"admit nobody to {slot}")
    counters = gateway.counters[slot]
    if counters and counters.in_flight == 0:
        return None
    end = since + s.spec.drain_timeout
    return None if s.now >= end else Wait("Draining", f"requests in flight in {slot}", until=end)


def take_over(s: Situation, name: str, owner: Release) -> Do | Wait | None:
    """Give an exclusive member to `owner`: first the other slot's has let go, and was *read* so."""
    return let_go(s, name, owner) or grant(s, name, owner)


def let_go(s: Situation, name: str, owner: Release) -> Do | Wait | None:
    """Until the other slot's owns nothing: it is read stopped, or in standby where it can be so.

    One that cannot be read counts as stopped only when a person has said so. Where the new one reads as the owner,
    nobody else can be: it has told the number that was granted last.
    """
    other = owner.slot.other
    old, new = s.reading(other, name), s.reading(owner.slot, name)
    if new.status is UNKNOWN:
        return Wait("OwnerUnknown", f"{name} in {owner.slot}: {_detail(s, owner.slot, name)}", alert=True)
    if name in s.spec.standbys and new.status is MemberStatus.READY:
        return None
    if old.status is UNKNOWN and s.state.forced is not other:
        return Wait("OwnerUnknown", f"{name} in {other}: {_detail(s, other, name)}; {_sworn(s, other)}", alert=True)
    if old.status in ALIVE:
        verb = "let go of" if name in s.spec.standbys else "stop"
        return Do(Stop(other, (name,), owner=True), f"{verb} {name} in {other}: {owner.slot} is to own it")
    return None


def owns(s: Situation, name: str, slot: Slot) -> bool:
    """It works there, or may."""
    standing = (MemberStatus.READY, MemberStatus.STOPPING)
    return s.status(slot, name) in (standing if name in s.spec.standbys else ALIVE)


def nobodys(s: Situation, name: str) -> bool:
    """It owns nothing anywhere: read, and proved."""
    return all(s.status(slot, name) in IDLE for slot in Slot)


def grant(s: Situation, name: str, owner: Release) -> Do | Wait | None:
    """Nobody owns it: until `owner` does, and says so. On record goes how the other slot's was read: it may have died
    by itself, and then nothing else tells that it owned no more."""
    other = owner.slot.other
    old = reads(name, other, s.status(other, name))
    new, start = s.reading(owner.slot, name), Start(owner.slot, owner.version, (name,), owner=True)
    if new.status is STOPPED:
        return Do(start, f"start {name} in {owner.slot}; {old}")
    if new.version not in (None, owner.version):
        return _renew(s, name, owner)
    if new.status is MemberStatus.STOPPING:  # asked to let go a while ago; asked again and again it is ended by force
        return Do(
            Stop(owner.slot, (name,), owner=True), f"{name} in {owner.slot} is to let go, and then to own it again"
        )
    if new.status is STANDBY:
        return Do(start, f"make {name} in {owner.slot} the owner; {old}")
    if new.status is not MemberStatus.READY:
        return Wait("NotReady", f"{name} in {owner.slot}: {_detail(s, owner.slot, name)}")
    return None


def reads(name: str, slot: Slot, status: MemberStatus) -> str:
    """In these words the reason of a new owner's start says how the old one was read; the judge looks for them."""
    return f"{name} in {slot} reads {status}"


def _sworn(s: Situation, slot: Slot) -> str:
    """A person can see what we cannot; what they say goes on record, and counts until something is started there."""
    command = f"reconcile handover {s.spec.environment} --force --from {slot} --reason ..."
    return f"if you have seen it stopped: {command}"


def _renew(s: Situation, name: str, owner: Release) -> Do | Wait:
    """An exclusive member of another version makes room. The one that we have just started lies."""
    slot, found = owner.slot, s.reading(owner.slot, name)
    if any(act.version == owner.version for act in _started(s, slot, name)):
        return _lies(name, slot, found.version, owner.version)
    cold = name not in s.spec.standbys  # one that can stand by has a life of its own: it ends, and lets go in that
    return Do(Stop(slot, (name,), owner=cold), f"make room for {name} of {owner}")


def _lies(name: str, slot: Slot, found: str | None, wanted: str) -> Wait:
    """Starting it once more would not help: only a person can."""
    return Wait("VersionMismatch", f"{name} in {slot} reports {found}, not {wanted}", blocked=True, alert=True)


def owned(s: Situation, owner: Release) -> Do | Wait | None:
    """All exclusive members belong to `owner`; None when they do."""
    for name in s.spec.names(Traffic.EXCLUSIVE):
        step = take_over(s, name, owner)
        if step:
            return step
    return None


def released(s: Situation, owner: Release) -> Do | Wait | None:
    """The other slot owns nothing, and `owner` was asked to take over. One that will not start is not waited for."""
    for name in s.spec.names(Traffic.EXCLUSIVE):
        step = take_over(s, name, owner)
        lost = s.status(owner.slot.other, name) not in IDLE
        if step and (lost or (isinstance(step, Do) and not s.too_soon(step.act))):
            return step
    return None


def whole(slot: Slot) -> Routing:
    """All traffic on one slot. Nobody comes to the other, whatever cookie they hold: nothing there was judged."""
    return Routing(all_on(slot), Pair(Admission.OPEN, Admission.OPEN).replace(slot.other, Admission.CLOSED))


def shared(t: Transition, weight: int) -> Routing:
    """So much for the newcomer. Nobody is led, by a fallback or a cookie, to a stable that does not work with the
    data."""
    if t.one_way and weight == 100:
        return whole(t.newcomer.slot)
    return Routing(share(t.newcomer.slot, weight), fallback=None if t.one_way else t.stable.slot)


def at_rest(s: Situation, stable: Release) -> Routing:
    """All traffic on stable. Clients of a release that served well before may finish there while it still runs."""
    left, alone = s.state.leftover, whole(stable.slot)
    if left is None or not left.good or left.stopped or not s.state.bears(left.release):
        return alone
    if left.release.slot is stable.slot:
        return alone  # on the way back to it, behind a gateway that is down
    if s.state.started[left.release.slot] != left.release.version:
        return alone
    return Routing(alone.weights, alone.admission.replace(left.release.slot, Admission.DRAINING))


def _is(reading: MemberReading, version: str) -> bool:
    return reading.status is MemberStatus.READY and reading.version == version


def _detail(s: Situation, slot: Slot, name: str) -> str:
    found = s.reading(slot, name)
    return found.detail or str(found.status)
