"""Members as sites of IIS on a Windows machine, one site and one application pool for each slot, through WinRM.

How it stands there is asked of IIS, how it is of the member itself, over the network. All that must be known of it lies
on that machine: what it was started for in its pool's variables, since when it is asked to end in a file. A change of
`applicationHost.config` may restart what else runs there (decision 031), so one is made for a start (and one before it
where the other slot is to lose its way back), one for a stop, and none where nothing differs; the other slot's
processes are compared before and after it.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Pin, Slot
from reconciler.core.reading import MemberReading, MemberStatus
from reconciler.drivers.examining import Finding
from reconciler.drivers.http import Answer
from reconciler.drivers.http import Client as Http
from reconciler.drivers.iis import scripts
from reconciler.drivers.iis.neighbour import Neighbour
from reconciler.drivers.iis.prepared import prepared
from reconciler.drivers.iis.scripts import RELEASE, Change, Stand
from reconciler.drivers.iis.site import Site
from reconciler.drivers.iis.standing import NO_WORKER, judge, resting, unanswerable, unready
from reconciler.drivers.named import Name, Named
from reconciler.drivers.process.app import plain
from reconciler.drivers.protocols import HostContext, Typed
from reconciler.drivers.windows.examined import answers, examined
from reconciler.drivers.windows.kept import Kept
from reconciler.drivers.windows.machine import Machine
from reconciler.drivers.windows.script import Script
from reconciler.drivers.winrm import Client
from reconciler.errors import ReconcilerError, Refused, Unreachable

LOOKING = 4.0  # seconds for one look at both slots: the loop waits no more than six for all of it
LARGEST = 64 * 1024  # bytes of an answer


class Settings(BaseModel):
    """Which machine, and where what lies there, stands in the operator's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    site: Annotated[Name, Named("sites"), Field(description="[sites.NAME] of the operator's file.")]


def open(context: HostContext, settings: Settings) -> IisHost:
    """Touches nothing. Raises Refused for what cannot be a site, InvalidConfiguration for one that is not defined."""
    who = f"{context.environment}/{context.member}"
    if context.named is None:
        raise Refused(f"{who}: site '{settings.site}' is not defined in the operator's file")
    if context.standby:
        raise Refused(f"{who}: a site of IIS cannot stand by; remove `standby`, or run it as another kind of host")
    site: Site = context.named("sites", settings.site)
    machine: Machine = context.named("machines", site.machine)
    return IisHost(context, settings.site, site, machine)


Seen = tuple[Stand, ...] | ReconcilerError  # one look at both slots, or why there is none


class IisHost:
    """One member, in both slots."""

    def __init__(self, context: HostContext, name: str, site: Site, machine: Machine, clock: Clock = SYSTEM) -> None:
        self.context, self.name, self.site, self.machine, self.clock = context, name, site, machine, clock
        plain("the member's name", context.member)
        self._names = {slot: site.name(self._values(slot)) for slot in Slot}
        self._client, self._http, self._lock = Client(machine, clock), Http(clock), threading.Lock()
        self._kept = Kept[Seen](machine.look_every, clock, grow=True, told=lambda seen: seen)
        self._warm: dict[Slot, set[tuple[object, str]]] = {slot: set() for slot in Slot}
        who = f"{context.environment}/{context.member}"
        self._neighbours = {slot: Neighbour(f"{who} in {slot}", str(slot.other), clock) for slot in Slot}

    def address(self, slot: Slot) -> str | None:
        host = self.site.address or self.machine.host
        return f"[{host}]:{self._port(slot)}" if ":" in host else f"{host}:{self._port(slot)}"

    def read(self, slot: Slot) -> MemberReading:
        return self._kept.read(slot, self._look, partial(self._judged, slot))

    def stage(self, slot: Slot, pin: Pin) -> None:
        with self._alone():
            self._run(RELEASE, {"Path": self.site.folder(self._values(slot, pin))})

    def lacking(self, slot: Slot, pin: Pin) -> str:
        try:
            self.stage(slot, pin)
        except ReconcilerError as error:
            return str(error)
        return ""

    def start(self, slot: Slot, pin: Pin) -> None:
        values = self._values(slot, pin)
        asked = {
            "Site": self._names[slot],
            "Release": pin.label,
            "Path": self.site.folder(values),
            "Port": self._port(slot),
            "ConfigFile": self.site.config_file(values),
            "Config": json.dumps(dict(pin.config)),
            "StopSeconds": math.ceil(self.site.stop_timeout),
            "Others": [self._names[slot.other]],
            "Alone": self.context.exclusive,
        }
        with self._changing(slot):
            self._done(slot, scripts.start(self._run, asked))

    def stop(self, slot: Slot) -> None:
        with self._changing(slot):
            seconds = math.ceil(self.site.stop_timeout)
            self._done(slot, scripts.stop(self._run, self._names[slot], seconds, [self._names[slot.other]]))

    def grant(self, slot: Slot, number: int) -> None:  # noqa: ARG002
        raise Refused(f"{self.context.member} is a site of IIS, which cannot stand by")

    def release(self, slot: Slot, number: int) -> None:  # noqa: ARG002
        raise Refused(f"{self.context.member} is a site of IIS, which cannot stand by")

    def by_hand(self, slot: Slot, pin: Pin) -> Typed:
        name, host = self._names[slot], self.machine.host
        pool, site = (f"Set-ItemProperty 'IIS:\\{kind}\\{name}'" for kind in ("AppPools", "Sites"))
        stay = f"{pool} autoStart $false"
        stop = f"Import-Module WebAdministration; Stop-Website '{name}'; Stop-WebAppPool '{name}'; {stay}"
        back = f"{pool} autoStart $true; {pool} startMode AlwaysRunning; {site} serverAutoStart $true"
        start = f"`Import-Module WebAdministration; {back}; Start-WebAppPool '{name}'; Start-Website '{name}'`"
        folder = self.site.folder(self._values(slot, pin))
        return Typed(
            f"{stop}  # PowerShell on {host}", f"in a PowerShell on {host}, with {folder} as its path: {start}"
        )

    def examine(self) -> Sequence[Finding]:
        roots = {self.site.releases.partition("{")[0], self.site.config.partition("{")[0]}
        with self._alone():
            found = examined(self.site.machine, self.machine, self._run, sorted(roots), self.clock)
            if not answers(found):
                return found
            names, ports = list(self._names.values()), [self._port(slot) for slot in Slot]
            return [*found, *prepared(self._run, self.name, names, ports)]

    def close(self) -> None:
        self._client.close()
        self._http.close()

    # ---- asking the machine ------------------------------------------------------------------------------------------

    def _look(self) -> Seen:
        """Both slots fail by one look: else the second one would wait as long as the first."""
        with self._alone():
            try:
                return scripts.look(self._quickly, list(self._names.values()))
            except ReconcilerError as error:
                return error

    def _judged(self, slot: Slot, seen: Seen) -> MemberReading:
        if isinstance(seen, ReconcilerError):
            raise seen
        stand = seen[list(self._names).index(slot)]
        with self._alone():
            told = self._neighbours[slot].seen(stand)
        found = resting(stand) or self._asked(slot, stand)
        return replace(found, detail="; ".join(text for text in (found.detail, told) if text))

    def _quickly(self, script: Script, said: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._client.run(script, said, min(LOOKING, self.machine.deadline))

    def _run(self, script: Script, said: Mapping[str, Any], deadline: float = 0.0) -> Mapping[str, Any]:
        return self._client.run(script, said, deadline)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A client is one thread's at a time; a look that the loop no longer waits for may still be under way."""
        if not self._lock.acquire(timeout=LOOKING):
            raise Unreachable(f"{self.machine.host}: what was asked before has not been answered yet")
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _changing(self, slot: Slot) -> Iterator[None]:
        with self._alone(), self._kept.changing():
            self._warm[slot].clear()
            yield

    def _done(self, slot: Slot, change: Change) -> None:
        if change.changed and change.before:
            self._neighbours[slot.other].changed(change.before[0])
            self._neighbours[slot.other].seen(change.stands[-1])

    # ---- asking the member -------------------------------------------------------------------------------------------

    def _asked(self, slot: Slot, stand: Stand) -> MemberReading:
        """A request makes IIS start what has not started yet, so it is asked even where no process is there."""
        if why := unanswerable(stand, self._port(slot)):
            return unready(why)
        path = self.site.ready
        try:
            answer = self._get(slot, path)
        except Unreachable as error:
            return unready(f"{error}{'' if stand.processes else NO_WORKER}")
        found = judge(stand, path, self._folder(slot, stand), answer)
        cold = self._cold(slot, stand) if found.status is MemberStatus.READY else ""
        return unready(cold, found.version) if cold else found

    def _cold(self, slot: Slot, stand: Stand) -> str:
        """The first requests of a life, sent by us and not by users. Any answer will do: whether it is a good one is
        for gates. After a restart of ours they are sent once more."""
        life = stand.processes
        self._warm[slot] = {one for one in self._warm[slot] if one[0] == life}
        for path in self.site.warm_up:
            if (life, path) not in self._warm[slot]:
                try:
                    self._get(slot, path)
                except Unreachable as error:
                    return f"it is warmed up: {error}"
                self._warm[slot].add((life, path))
        return ""

    def _get(self, slot: Slot, path: str) -> Answer:
        url = f"http://{self.address(slot)}{path}"
        return self._http.ask("GET", url, deadline=self.context.deadline / 2, max_bytes=LARGEST)

    def _folder(self, slot: Slot, stand: Stand) -> str:
        """Where the release lies that it was started for; empty where nobody knows."""
        version = stand.release.partition("#")[0]
        try:
            return self.site.folder(self._values(slot, Pin(version))) if version else ""
        except Refused:
            return ""

    # ---- names -------------------------------------------------------------------------------------------------------

    def _port(self, slot: Slot) -> int:
        return self.site.ports.of(slot)

    def _values(self, slot: Slot, pin: Pin | None = None) -> dict[str, str]:
        values = {"slot": str(slot), "member": self.context.member, "environment": self.context.environment}
        return values | ({"version": pin.version} if pin else {})
