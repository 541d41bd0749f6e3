"""Simulated members in both slots of one environment, and the host drivers that a process holds of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from sim_faults import VERSIONS as TRAITS
from sim_faults import Weather

from reconciler.core.model import Pin, Slot, Traffic
from reconciler.core.reading import MemberReading, MemberStatus
from reconciler.errors import Refused, Unreachable

if TYPE_CHECKING:
    from sim_process import Process
    from sim_world import Place

STOPPED, UNREADY, READY, STOPPING = (
    MemberStatus.STOPPED,
    MemberStatus.UNREADY,
    MemberStatus.READY,
    MemberStatus.STOPPING,
)
STANDBY = MemberStatus.STANDBY
ALIVE = (UNREADY, READY, STOPPING)


@dataclass
class Instance:
    """One member in one slot: what really runs there. `life` tells one start from the next."""

    name: str
    traffic: Traffic
    slot: Slot
    status: MemberStatus = STOPPED
    version: str | None = None
    life: int = 0
    owns: bool = False  # it may be at work; where it cannot stand by, from its start to its end


@dataclass
class Releases:
    """What each version is like, for good, and how often that showed."""

    weather: Weather
    traits: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bad = [name for name in TRAITS if self.weather.has(name)]
        for version in ("1.1", "1.2", "1.3", "1.4"):
            drawn = {name: Random(f"{self.weather.seed}:{name}:{version}").random() for name in bad}
            if bad and Random(f"{self.weather.seed}:{version}").random() < 0.5:
                self.traits[version] = max(bad, key=lambda name: drawn[name])

    def shows(self, version: str | None, trait: str) -> bool:
        if self.traits.get(version or "") != trait:
            return False
        self.weather.strike(trait)
        return True

    def cure(self, version: str) -> None:
        """Somebody builds and deploys it anew."""
        self.traits.pop(version, None)


class Members:
    """Both slots of one environment."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.number = 0  # by which the worker was granted or released last, where it can stand by
        self.blind: dict[Slot, float] = {}  # until when a slot's host gives no answer
        named = (("api", Traffic.WEIGHTED), ("web", Traffic.WEIGHTED), ("worker", Traffic.EXCLUSIVE))
        self.all = {(name, slot): Instance(name, traffic, slot) for slot in Slot for name, traffic in named}

    def weighted(self, slot: Slot) -> list[Instance]:
        return [one for one in self.all.values() if one.slot is slot and one.traffic is Traffic.WEIGHTED]

    def put(self, one: Instance, status: MemberStatus, version: str | None) -> None:
        one.status, one.version = status, version
        self.place.say("member", lambda: f"{one.name} in {one.slot} is {status}{f' at {version}' if version else ''}")
        self.place.laws.members(self.place)

    def start(self, one: Instance, version: str) -> None:
        weather, draw = self.place.weather, self.place.weather.draw("start")
        one.life += 1
        life = one.life
        one.owns = not self.stands_by(one)
        self.put(one, UNREADY, version)
        delay = draw.uniform(0.02, 0.4)
        if one.traffic is Traffic.WEIGHTED and self.place.releases.shows(version, "version-never-ready"):
            return
        if weather.strikes("host-slow-start", 3):
            delay += weather.draw("host-slow-start").uniform(2.0, 12.0)

        def ready() -> None:
            if one.life == life and one.status is UNREADY:
                one.status = READY if one.owns else STANDBY
                self.place.say("member", lambda: f"{one.name} in {one.slot} is ready at {version}")
                if one.traffic is Traffic.WEIGHTED:
                    self._flap_for_good(one, life)
                if self.place.releases.shows(version, "version-dies"):
                    self.place.timeline.after(draw.uniform(0.0, 0.8), end)

        def end() -> None:
            if one.life == life:
                self.die(one)

        self.place.timeline.after(delay, ready)

    def flap(self, one: Instance, draw: Random, goes_on: Callable[[], bool]) -> None:
        """Its health goes, comes back, and goes again, for as long as that is so and this life lasts. What has begun to
        go wrong comes right at last: an instance that was never ready again would be another fault."""
        life = one.life

        def turn() -> None:
            if one.life != life or one.status not in (UNREADY, READY):
                return
            falls = one.status is READY
            if falls and not goes_on():
                return
            one.status = UNREADY if falls else READY
            self.place.say("member", lambda: f"{one.name} in {one.slot} flaps, and is {one.status}")
            self.place.timeline.after(draw.choice((draw.uniform(0.05, 1.0), draw.uniform(1.0, 6.0))), turn)

        turn()

    def _flap_for_good(self, one: Instance, life: int) -> None:
        """As it was built."""

        def begin() -> None:
            if one.life == life:
                self.flap(one, draw, lambda: self.place.releases.shows(one.version, "version-flaps"))

        draw = self.place.weather.draw("flaps")
        if self.place.releases.traits.get(one.version or "") == "version-flaps":
            self.place.timeline.after(draw.uniform(0.0, 3.0), begin)

    def die(self, one: Instance) -> None:
        one.life += 1
        self.put(one, STOPPED, None)

    def stop(self, one: Instance) -> None:
        weather = self.place.weather
        if one.status is STOPPED or (one.status is STOPPING and one.version is None):
            return
        one.life += 1
        life = one.life
        one.status, one.version = STOPPING, None
        delay = weather.draw("stop").uniform(0.0, 0.3)
        if weather.strikes("host-slow-stop", 3):
            delay += weather.draw("host-slow-stop").uniform(2.0, 12.0)

        def end() -> None:
            if one.life == life:
                self.die(one)

        self.place.timeline.after(delay, end)

    def stands_by(self, one: Instance) -> bool:
        return self.place.warm and one.traffic is Traffic.EXCLUSIVE

    def grant(self, one: Instance, number: int) -> None:
        """Name this slot, and no other: what works there unasked is cut off, and soon notices."""
        self.number = number
        other = self.all[one.name, one.slot.other]
        if other.owns and other.status in (UNREADY, READY):
            self.release(other, number)
        if one.status is STANDBY or (one.status is UNREADY and not one.owns):
            one.owns = True
            self.put(one, UNREADY, one.version)
            self._soon(one, READY)

    def release(self, one: Instance, number: int) -> None:
        if not one.owns or one.status not in (UNREADY, READY):
            return
        self.number = number
        self.put(one, STOPPING, one.version)
        self._soon(one, STANDBY)

    def _soon(self, one: Instance, status: MemberStatus) -> None:
        """It looks into its file, and finishes what it has in hand."""
        one.life += 1
        life, weather = one.life, self.place.weather
        delay = weather.draw("hand-over").uniform(0.02, 0.3)
        if weather.strikes("host-slow-stop", 3):
            delay += weather.draw("host-slow-stop").uniform(2.0, 12.0)

        def arrived() -> None:
            if one.life == life:
                one.owns = status is READY
                self.put(one, status, one.version)

        self.place.timeline.after(delay, arrived)

    def reads(self, one: Instance) -> MemberReading:
        if one.status is STOPPED:
            return MemberReading(STOPPED, detail="it has ended")
        lies = one.traffic is Traffic.WEIGHTED and self.place.releases.shows(one.version, "version-lies")
        return MemberReading(one.status, f"{one.version}-rc" if lies else one.version)


class Host:
    """A process's driver of one member."""

    def __init__(self, place: Place, process: Process, name: str) -> None:
        self._place, self._process, self._name = place, process, name
        self._weather = place.weather

    def read(self, slot: Slot) -> MemberReading:
        self._answer(slot)
        if self._process.pool.asking and self._weather.strikes("host-late", 0.1):
            raise TimeoutError  # as a driver that breaks its word: the loop's own deadline ends it
        return self._place.members.reads(self._one(slot))

    def stage(self, slot: Slot, pin: Pin) -> None:
        self._answer(slot)
        if self._weather.strikes("stage-refused", 3):
            raise Refused(f"the files of {pin.label} are missing")

    def start(self, slot: Slot, pin: Pin) -> None:
        one = self._one(slot)
        self._answer(slot)
        self._process.may_die(f"before {self._name} starts")
        self._misfortune("start", slot)
        if one.status is STOPPING or (one.status is not STOPPED and one.version != pin.label):
            raise Refused(f"{self._name} in {slot} still runs {one.version}")
        if one.status is STOPPED:
            self._place.laws.started(self._place, one, self._process)
            self._place.members.start(one, pin.label)
        self._process.may_die(f"after {self._name} started")
        if self._weather.strikes("start-reply-lost", 2):
            raise Unreachable(f"starting {self._name} in {slot}: no answer")

    def _misfortune(self, what: str, slot: Slot) -> None:
        if self._weather.strikes(f"{what}-lost", 2):
            raise Unreachable(f"{what} {self._name} in {slot}: no answer")
        if what == "start" and self._weather.strikes("start-refused", 2):
            raise Refused(f"the port of {self._name} in {slot} is taken")
        if what == "start" and self._name == "web" and self._weather.strikes("start-partial", 4):
            raise Unreachable(f"{what} {self._name} in {slot}: no answer, though api has started")

    def stop(self, slot: Slot) -> None:
        self._answer(slot)
        self._process.may_die(f"before {self._name} stops")
        self._misfortune("stop", slot)
        self._place.laws.stopped(self._place, self._one(slot), self._process)
        self._place.members.stop(self._one(slot))
        self._process.may_die(f"after {self._name} stopped")

    def grant(self, slot: Slot, number: int) -> None:
        self._handed("start", slot, number)
        self._place.members.grant(self._one(slot), number)
        self._process.may_die(f"after {self._name} was granted")

    def release(self, slot: Slot, number: int) -> None:
        self._handed("stop", slot, number)
        self._place.members.release(self._one(slot), number)
        self._process.may_die(f"after {self._name} was released")

    def _handed(self, what: str, slot: Slot, number: int) -> None:
        self._answer(slot)
        self._process.may_die(f"before {self._name} is handed over")
        if self._weather.strikes(f"{what}-lost", 2):
            raise Unreachable(f"{what} {self._name} in {slot}: no answer")
        if number < self._place.members.number:
            raise Refused(f"{number} is older than {self._place.members.number}")
        self._place.laws.started(self._place, self._one(slot), self._process)

    def _answer(self, slot: Slot) -> None:
        members, weather = self._place.members, self._weather
        if weather.strikes("host-unreadable", 0.3):
            members.blind[slot] = self._place.timeline.now + weather.draw("host-unreadable").uniform(0.5, 15.0)
        if members.blind.get(slot, 0.0) > self._place.timeline.now:
            raise Unreachable(f"the host of {slot} gives no answer")

    def _one(self, slot: Slot) -> Instance:
        return self._place.members.all[self._name, slot]

    def address(self, slot: Slot) -> str | None:
        return "127.0.0.1:1"

    def close(self) -> None:
        pass
