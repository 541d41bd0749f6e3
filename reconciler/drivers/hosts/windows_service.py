"""Members as services of a Windows machine, one for each slot, which Windows itself keeps running and starts with the
machine. They are reached through WinRM; whether they are ready is asked of them directly.

Nothing is remembered here: what must be known after a restart lies in a record beside the service, on its machine.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Pin, Slot
from reconciler.core.reading import MemberReading, MemberStatus
from reconciler.drivers import http
from reconciler.drivers.examining import Finding
from reconciler.drivers.named import Name, Named
from reconciler.drivers.process import ownership
from reconciler.drivers.process.app import plain
from reconciler.drivers.process.health import LARGEST
from reconciler.drivers.protocols import HostContext, Typed
from reconciler.drivers.windows.kept import SETTLED, Kept
from reconciler.drivers.windows.machine import Machine
from reconciler.drivers.windows.script import Script
from reconciler.drivers.windows_service import by_hand, codes, examined, looking, reading, record
from reconciler.drivers.windows_service.looking import Look, Process, Seen
from reconciler.drivers.windows_service.place import CONFIG, Place
from reconciler.drivers.windows_service.record import Asked, Record
from reconciler.drivers.windows_service.service import Service
from reconciler.drivers.winrm import Client
from reconciler.errors import Conflict, ReconcilerError, Refused, Unreachable

STOPPED, UNREADY = MemberStatus.STOPPED, MemberStatus.UNREADY
LOOKING = 1.5  # of our deadline, for a look at both slots
ASKING = 0.5  # of our deadline, for a member's own answer
STARTING = 45.0  # seconds, at least: Windows itself waits 30 for a program to say that it is a service


class Settings(BaseModel):
    """What a manifest may say: the name of a service in the operator's file, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    service: Annotated[Name, Named("services"), Field(description="[services.NAME] of the operator's file.")]


def open(context: HostContext, settings: Settings) -> WindowsServiceHost:
    """Touches nothing. Raises InvalidConfiguration for a service, or a machine, that the operator has not defined."""
    who = f"{context.environment}/{context.member}"
    if context.named is None:
        raise Refused(f"{who}: service '{settings.service}' is not defined in the operator's file")
    service: Service = context.named("services", settings.service)
    plain("the member's name", context.member)
    if misfit := service.misfit(settings.service, weighted=False, standby=context.standby):
        raise Refused(f"{who}: {misfit}")
    return WindowsServiceHost(context, settings.service, service, context.named("machines", service.machine))


class WindowsServiceHost:
    """One member, in both slots."""

    def __init__(
        self, context: HostContext, name: str, service: Service, machine: Machine, clock: Clock = SYSTEM
    ) -> None:
        self.context, self.name, self.service, self.clock = context, name, service, clock
        self.machine = machine
        self.place = Place(service, machine.host, context.environment, context.member)
        self._client, self._http = Client(machine, clock), http.Client(clock)
        self._busy = threading.Lock()
        grow = service.ready is not None  # else nothing but a look tells that it has ended
        self._kept = Kept[Look](machine.look_every, clock, grow=grow, told=lambda look: (look.services, look.texts))
        self._answered: dict[Slot, int] = {}  # what Windows said to the last stop, for people only

    def address(self, slot: Slot) -> str | None:
        return self.place.address(slot)

    def read(self, slot: Slot) -> MemberReading:
        files = self.place.files(slot) if self.service.standby else ()
        look = partial(self._look, self.context.deadline * LOOKING, files)
        return self._kept.read(slot, look, partial(self._read, slot))

    def stage(self, slot: Slot, pin: Pin) -> None:
        if lacking := self._lacking(slot, pin):
            raise Refused(lacking)

    def start(self, slot: Slot, pin: Pin) -> None:
        """Conflict: what is there now is not what was read, so what was kept of that is used no more."""
        with self._kept.changing():
            self._start(slot, pin)

    def _start(self, slot: Slot, pin: Pin) -> None:
        place, values = self.place, self.place.values(slot, pin)
        paths, ports = place.needed(values), place.ports(slot)
        look = self._look(files=place.files(slot), paths=paths, ports=ports)
        seen, known = look.services[place.index(slot)], self._record(slot, look)
        if self._already(slot, pin, seen, known):
            return
        if lacking := place.lacking(pin, paths, look.there):
            raise Refused(lacking)
        if any(look.taken):
            raise Refused(place.taken(slot, self.name))
        begun = Record(label=pin.label, version=pin.version, line=place.line(values))
        config, owner = look.texts
        changes = {
            place.config(slot): (config, json.dumps(dict(pin.config))),
            place.record(slot): (seen.record, begun.text()),
        }
        if self.service.standby:
            changes |= self._owned(owner, ownership.forgotten(self._ownership(owner), slot))
        looking.put(self._change, changes)
        other = place.name(slot.other) if self.context.exclusive else ""
        run = partial(self._change, deadline=max(STARTING, self.machine.deadline))
        began = looking.start(run, place.name(slot), begun.line, self.service.user, {CONFIG: place.config(slot)}, other)
        if began.code:
            raise codes.not_started(f"{place.who(slot)} cannot be started on {place.host}", began.code)

    def stop(self, slot: Slot) -> None:
        look = self._look()
        seen, known = look.services[self.place.index(slot)], self._record(slot, look)
        if seen.stopped and not seen.processes:
            if seen.comes_back or seen.mode == "Auto":
                self._end(slot, seen)
        elif known and known.stop and reading.asked(known.stop, seen) and self._late(known.stop, look):
            self._end(slot, seen, seen.processes)
        else:
            self._request_end(slot, look, seen, known)

    def grant(self, slot: Slot, number: int) -> None:
        look = self._look(files=self.place.files(slot))
        owner, known = look.texts[1], self._record(slot, look)
        changes = self._owned(owner, ownership.granted(self._ownership(owner), slot, number, self.place.ownership))
        if known and known.release:  # first: an old stamp would end the next one by force, at once
            freed = known.model_copy(update={"release": None})
            changes = self._recorded(slot, look, freed) | changes
        looking.put(self._change, changes)

    def release(self, slot: Slot, number: int) -> None:
        look = self._look(files=self.place.files(slot))
        seen, known, owner = look.services[self.place.index(slot)], self._record(slot, look), look.texts[1]
        now = ownership.released(self._ownership(owner), slot, number, self.place.ownership)
        looking.put(self._change, self._owned(owner, now))
        if known is None or seen.root is None:
            return
        if self._judge(slot, look, known, now).status in (STOPPED, MemberStatus.STANDBY):
            return
        if known.release is None or not reading.asked(known.release, seen):
            stamp = Asked(at=look.uptime, of=seen.root.identity)
            looking.put(self._change, self._recorded(slot, look, known.model_copy(update={"release": stamp})))
        elif self._late(known.release, look):
            self._end(slot, seen, seen.processes)

    def lacking(self, slot: Slot, pin: Pin) -> str:
        try:
            return self._lacking(slot, pin)
        except ReconcilerError as error:
            return str(error)

    def examine(self) -> Sequence[Finding]:
        return examined.examined(self.name, self.service, self.machine, self.place, self._act)

    def by_hand(self, slot: Slot, pin: Pin) -> Typed:
        return by_hand.typed(self.service, self.place, slot, pin)

    def close(self) -> None:
        self._client.close()
        self._http.close()

    def _lacking(self, slot: Slot, pin: Pin) -> str:
        paths = self.place.needed(self.place.values(slot, pin))
        return self.place.lacking(pin, paths, self._look(paths=paths).there)

    # ---- looking -----------------------------------------------------------------------------------------------------

    def _look(
        self, deadline: float = 0.0, files: Sequence[str] = (), paths: Sequence[str] = (), ports: Sequence[int] = ()
    ) -> Look:
        services = {self.place.name(slot): self.place.record(slot) for slot in Slot}
        return looking.look(partial(self._act, deadline=deadline), services, files, paths, ports)

    def _act(self, script: Script, arguments: Mapping[str, Any], deadline: float = 0.0) -> Mapping[str, Any]:
        """One at a time: a look that somebody has given up may still be on its way."""
        if not self._busy.acquire(timeout=deadline or self.context.deadline):
            raise Unreachable(f"{self.place.host}: a script from before has not ended yet")
        try:
            return self._client.run(script, arguments, deadline)
        finally:
            self._busy.release()

    def _change(self, script: Script, arguments: Mapping[str, Any], deadline: float = 0.0) -> Mapping[str, Any]:
        with self._kept.changing():
            return self._act(script, arguments, deadline)

    def _record(self, slot: Slot, look: Look) -> Record | None:
        return record.parsed(
            look.services[self.place.index(slot)].record, f"{self.place.record(slot)} on {self.place.host}"
        )

    def _ownership(self, text: str) -> ownership.Ownership:
        return ownership.parsed(text, self.place.ownership) if text else ownership.Ownership()

    # ---- judging -----------------------------------------------------------------------------------------------------

    def _read(self, slot: Slot, look: Look) -> MemberReading:
        found = self._judge(slot, look, self._record(slot, look))
        if found.status in SETTLED:
            self._answered.pop(slot, None)  # that is over
        return reading.told(found, self._answered.get(slot, 0))

    def _judge(
        self, slot: Slot, look: Look, known: Record | None, owner: ownership.Ownership | None = None
    ) -> MemberReading:
        seen = look.services[self.place.index(slot)]
        version = partial(self.service.version, self.place.fixed(slot))
        found = reading.without_asking(seen, known, version)
        if found or known is None:
            return found or MemberReading(UNREADY)
        if self.service.ready is None:
            return reading.by_its_place(seen, known, version)
        if self.service.standby and owner is None:  # read before it is asked: what it says afterwards may only be newer
            owner = self._ownership(look.texts[1])
        path = f"http://{self.place.address(slot)}{self.service.ready}"
        try:
            answer = self._http.ask("GET", path, deadline=self.context.deadline * ASKING, max_bytes=LARGEST)
        except Unreachable as error:
            return MemberReading(UNREADY, detail=str(error))
        alive, said = reading.by_its_word(path, answer.status, answer.body, seen, known)
        if owner is None or alive.status is not MemberStatus.READY:
            return alive
        return ownership.judge(slot, owner, alive, said)

    def _late(self, asked: Asked, look: Look) -> bool:
        return not 0 <= look.uptime - asked.at < self.service.stop_timeout

    # ---- changing ----------------------------------------------------------------------------------------------------

    def _already(self, slot: Slot, pin: Pin, seen: Seen, known: Record | None) -> bool:
        """Does it run as pinned? Where something else does, a start was asked for by what was read before that."""
        if seen.there and known is None:
            raise Refused(self.place.foreign(slot, self.name))
        if seen.stopped and not seen.processes:
            return False
        version = partial(self.service.version, self.place.fixed(slot))
        if why := reading.in_the_way(seen, known, pin.label, version):
            raise Conflict(f"{self.place.who(slot)} {why}")
        return True

    def _request_end(self, slot: Slot, look: Look, seen: Seen, known: Record | None) -> None:
        """It goes on record before it is asked; one that could not take it when it was asked is asked again."""
        if known and not (known.stop and reading.asked(known.stop, seen)):
            stamp = Asked(at=look.uptime, of=seen.root.identity if seen.root else "")
            family = tuple(one.identity for one in seen.processes)
            stopping = known.model_copy(update={"stop": stamp, "family": family})
            looking.put(self._change, self._recorded(slot, look, stopping))
        if seen.state != "Stop Pending":
            self._end(slot, seen)

    def _end(self, slot: Slot, seen: Seen, kill: Sequence[Process] = ()) -> None:
        self._answered[slot] = looking.stop(self._change, seen.name, kill)

    def _recorded(self, slot: Slot, look: Look, now: Record) -> dict[str, tuple[str, str]]:
        return {self.place.record(slot): (look.services[self.place.index(slot)].record, now.text())}

    def _owned(self, before: str, now: ownership.Ownership) -> dict[str, tuple[str, str]]:
        """Nothing is written where nothing changes."""
        same = now == self._ownership(before)
        return {} if same else {self.place.ownership: (before, ownership.written(now))}
