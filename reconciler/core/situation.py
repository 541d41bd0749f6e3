"""What the rules look at: desired, observed, remembered, and the time. And what they may answer."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.events import Event
from reconciler.core.model import Desired, Release, Slot, Spec, Traffic, all_on
from reconciler.core.reading import UNREAD, GatewayReading, MemberReading, MemberStatus, Observed
from reconciler.core.state import Refusal, State, Transition
from reconciler.core.steps import Act, Note, PutBack, Stop

REPEAT_AFTER = 5.0  # watched seconds before the same start, stop, or refused act is tried again


@dataclass(frozen=True, slots=True)
class Do:
    """Change the world: one step, its intent written first."""

    act: Act
    because: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Remember a fact. The world is not touched, so the next decision may rest on the same observation."""

    event: Event


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now. `reason` is a condition's PascalCase reason; `until` is watched time, if time alone ends it.

    `blocked`: only a person can end it, or the calendar. `alert`: and somebody should be woken.
    """

    reason: str
    message: str = ""
    until: float | None = None
    blocked: bool = False
    alert: bool = False


Answer = Do | Record | Wait


@dataclass(frozen=True, slots=True)
class Situation:
    """One look at everything. `spec` is what is in force; `refused` says why the head of the branch is not."""

    desired: Desired
    spec: Spec
    observed: Observed
    state: State
    now: float  # watched seconds
    refused: Wait | None = None

    @property
    def gateway(self) -> GatewayReading | None:
        return self.observed.gateway

    @property
    def transition(self) -> Transition | None:
        return self.state.transition

    def reading(self, slot: Slot, name: str) -> MemberReading:
        for member, reading in zip(self.spec.members, self.observed.members[slot], strict=False):
            if member.name == name:
                return reading
        return UNREAD

    def readings(self, slot: Slot, traffic: Traffic = Traffic.WEIGHTED) -> dict[str, MemberReading]:
        return {name: self.reading(slot, name) for name in self.spec.names(traffic)}

    def status(self, slot: Slot, name: str) -> MemberStatus:
        return self.reading(slot, name).status

    def runs(self, release: Release) -> bool:
        """Every weighted member is ready, at that version: it may be given traffic."""
        return all(
            reading.status is MemberStatus.READY and reading.version == release.version
            for reading in self.readings(release.slot).values()
        )

    def misfits(self, release: Release) -> list[str]:
        """Members that are alive at another version. One that does not tell yet is what we started last."""
        return [
            name
            for name, reading in self.readings(release.slot).items()
            if reading.status in ALIVE and (reading.version or self.state.started[release.slot]) != release.version
        ]

    def having(self, slot: Slot, *statuses: MemberStatus) -> list[str]:
        return [name for name, reading in self.readings(slot).items() if reading.status in statuses]

    def standing(self, slot: Slot, *statuses: MemberStatus) -> list[str]:
        """Members that can stand by and are so there."""
        return [name for name in self.spec.standbys if self.status(slot, name) in statuses]

    def too_soon(self, act: Act) -> Wait | None:
        """The same start, stop, or refused act is not repeated at once: the world gets time to change."""
        told = (self.state.refusal, *self.state.untold)
        refusal = next((one for one in told if one and one.act == act), None)
        if refusal and self.now < refusal.at + self._patience(refusal):
            return Wait("Refused", refusal.reason, until=refusal.at + self._patience(refusal), alert=True)
        last = max((at for earlier, at in self.state.latest if covers(earlier, act)), default=None)
        if last is not None and self.now < last + REPEAT_AFTER:
            return Wait("NotReady", "asked for a moment ago", until=last + REPEAT_AFTER)
        return None

    def _patience(self, refusal: Refusal) -> float:
        """Longer each time, but never where stable itself is what cannot be had."""
        stable, slot = self.state.in_charge, getattr(refusal.act, "slot", None)
        urgent = slot is None and not isinstance(refusal.act, PutBack | Note)
        if urgent or (stable and stable.slot is slot):
            return REPEAT_AFTER
        return float(REPEAT_AFTER * 2 ** min(refusal.times - 1, 6))

    def all_traffic_on(self, slot: Slot) -> bool:
        return self.gateway is not None and self.gateway.weights == all_on(slot)


def covers(earlier: Act, act: Act) -> bool:
    """Was `act` asked for already, alone or with other members of the slot?"""
    if earlier == act:
        return True
    match earlier, act:
        case Stop(slot, members, owner), Stop(wanted, fewer, letting_go):
            return slot is wanted and owner is letting_go and {*fewer} <= {*members}
        case _:
            return False


ALIVE = (MemberStatus.UNREADY, MemberStatus.READY, MemberStatus.STOPPING)  # and may own what is exclusive
RUNNING = (*ALIVE, MemberStatus.STANDBY)
IDLE = (MemberStatus.STOPPED, MemberStatus.STANDBY)  # owns nothing: proved
